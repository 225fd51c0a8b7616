import { findErrorBy } from "@platformatic/kafka";

/** Kafka's `message.timestamp.before.max.ms` where nobody has set it: its longest number. */
const NO_LIMIT_MS = 9_223_372_036_854_775_807n;
/** Of each record; Kafka's `LogValidator`, 3.6 and later. */
const SAID = /Timestamp (\d+) of message .* within \[(-?\d+), (-?\d+)\]/;
const HOUR_MS = 3_600_000;

/** Why a broker does not take the time of a record, which is this machine's clock; null: that is not why. */
export function refusedTime(error: Error, named: string): string | null {
  if (findErrorBy(error, "apiId", "INVALID_TIMESTAMP") === null) return null;
  const wayOut = "set the clock right";
  const said = saidIn(error);
  if (said === null) return `this machine's time is not one that ${named} takes; ${wayOut}`;
  const { timeMs, fromMs, toMs } = said;
  const its = `this machine's time, ${iso(timeMs)}, is`;
  if (timeMs < fromMs)
    return `${its} before the first that ${named} takes, ${iso(fromMs)} (message.timestamp.before.max.ms); ${wayOut}`;
  // The broker tells what it takes, and not its clock; that follows where there is no limit on one side.
  const brokerMs = fromMs + NO_LIMIT_MS;
  return fromMs < 0n
    ? `${its} ahead of the broker's clock by ${lengthText(Number(timeMs - brokerMs))}, more than ${named} takes (message.timestamp.after.max.ms); ${wayOut}`
    : `${its} after the last that ${named} takes, ${iso(toMs)} (message.timestamp.after.max.ms); ${wayOut}`;
}

interface Said {
  readonly timeMs: bigint;
  /** Between these the broker takes it. */
  readonly fromMs: bigint;
  readonly toMs: bigint;
}

function saidIn(error: Error): Said | null {
  for (const { serverErrorMessage } of layersOf(error)) {
    const match = typeof serverErrorMessage === "string" ? SAID.exec(serverErrorMessage) : null;
    if (match !== null) return { timeMs: BigInt(match[1]), fromMs: BigInt(match[2]), toMs: BigInt(match[3]) };
  }
  return null;
}

function* layersOf(error: Error): Generator<Error & { readonly serverErrorMessage?: unknown }> {
  yield error;
  const inner: unknown[] = error instanceof AggregateError ? error.errors : [error.cause];
  for (const each of inner) if (each instanceof Error) yield* layersOf(each);
}

function iso(timeMs: bigint): string {
  return new Date(Number(timeMs)).toISOString();
}

function lengthText(ms: number): string {
  return ms < HOUR_MS ? `${Math.round(ms / 1_000)} s` : `${(ms / HOUR_MS).toFixed(1)} h`;
}
