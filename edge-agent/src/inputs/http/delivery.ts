import type { Clock } from "@millrace/runtime";
import type { ArrivalRejection, InputHandler } from "../input.ts";
import type { BodyPayload } from "./body-payload.ts";
import type { EvidenceBounds } from "../../evidence/evidence-topics.ts";
import { isOversizedOn } from "../oversized.ts";

/** What became of a request's payloads. */
export interface DeliveryReport {
  /** Durable. */
  readonly taken: number;
  /** Counted durably as rejected, in whole or in part. */
  readonly rejected: number;
  /** The first of them. */
  readonly rejections: readonly (ArrivalRejection & { readonly line: number })[];
  /** Why the rest was not taken, or is not known to be: it has to be sent again. Null when everything was dealt with. */
  readonly failure: string | null;
}

export interface DeliveryOptions {
  readonly handler: InputHandler;
  readonly client: string;
  readonly payloadBytesMax: number;
  /** Topics whose payloads may be greater. */
  readonly evidence?: EvidenceBounds | undefined;
  readonly clock: Clock;
  /** Of each payload that was rejected. */
  onRejected(reason: string): void;
  /** Why nothing may be handed over now; null: it may. */
  failure(): string | null;
  /** Told before and after each wait for the disk. */
  onWaiting(isWaiting: boolean): void;
}

/** Handed over and waited for at once: a body of short lines must not fill the memory. */
const IN_FLIGHT_MAX = 1_000;
/** Longest wait for the disk before the sender is told to come again. */
const WAIT_MS_MAX = 10_000;
const REJECTIONS_SHOWN_MAX = 100;

/** Hands a body's payloads over, in order, and resolves when they are durable. Never rejects. */
export async function deliver(
  payloads: Iterable<BodyPayload>,
  options: DeliveryOptions,
): Promise<DeliveryReport> {
  const rejections: (ArrivalRejection & { readonly line: number })[] = [];
  let taken = 0;
  let rejected = 0;
  const iterator = payloads[Symbol.iterator]();
  for (;;) {
    const failure = options.failure();
    if (failure !== null) return { taken, rejected, rejections, failure };
    const batch: { readonly line: number; readonly work: ReturnType<InputHandler> }[] = [];
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      batch.push({ line: next.value.line, work: handOver(next.value, options) });
      if (batch.length === IN_FLIGHT_MAX) break;
    }
    if (batch.length === 0) return { taken, rejected, rejections, failure: null };
    const settled = await waitFor(batch, options);
    if (typeof settled === "string") return { taken, rejected, rejections, failure: settled };
    for (const [index, rejection] of settled.entries()) {
      if (rejection === undefined) {
        taken += 1;
        continue;
      }
      rejected += 1;
      options.onRejected(rejection.reason);
      if (rejections.length < REJECTIONS_SHOWN_MAX)
        rejections.push({ line: batch[index].line, ...rejection, detail: ofLine(rejection.detail) });
    }
  }
}

function handOver(
  { topic, payload, malformed }: BodyPayload,
  options: DeliveryOptions,
): ReturnType<InputHandler> {
  return options.handler({
    topic,
    payload,
    ...(malformed === undefined ? {} : { malformed }),
    isRetained: false,
    isOversized: isOversizedOn(topic, payload, options),
    qos: 1,
    client: options.client,
    arrivedMonotonicMs: options.clock.monotonicMs(),
  });
}

/** What each was answered with, or why they are not all durable. */
async function waitFor(
  batch: readonly { readonly work: ReturnType<InputHandler> }[],
  { clock, onWaiting }: DeliveryOptions,
): Promise<readonly (ArrivalRejection | undefined)[] | string> {
  const late = Promise.withResolvers<string>();
  const timer = clock.after(WAIT_MS_MAX, () =>
    late.resolve(`the disk has not taken it within ${WAIT_MS_MAX / 1000} s`),
  );
  onWaiting(true);
  try {
    const works = Promise.all(batch.map(async ({ work }) => (await work) ?? undefined));
    return await Promise.race([works, late.promise]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    onWaiting(false);
    timer.cancel();
  }
}

/** What decoders of lines call the first one is the body's line that is told beside it. */
function ofLine(detail: string): string {
  return detail.replace(/^line 1: /, "");
}
