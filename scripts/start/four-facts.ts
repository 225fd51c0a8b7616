import type { TruthAlarm } from "../../simulator/src/truth/truth-line.ts";
import type { CentralAlarm } from "../../simulator/src/verify/central-client.ts";

export interface Fact {
  readonly isTrue: boolean;
  readonly text: string;
}

/** Until then the newcomer's plan has overheated a machine, and its stop has cooled it below the limit. */
export const FACTS_AFTER_MS = 20_000;

/**
 * What the run must have shown: one machine overheated, the alarm was seen, the stop was commanded and confirmed, the
 * machine cooled.
 */
export function fourFacts(steps: readonly TruthAlarm[], alarms: readonly CentralAlarm[]): Fact[] {
  const raised = steps.findLast((step) => step.type === "alarm");
  if (raised === undefined) return [{ isTrue: false, text: "no machine overheated" }];
  const place = `${raised.site}/${raised.line}/${raised.machine}`;
  const alarm = alarms.find(
    ({ rule, activeAtMs, labels }) =>
      rule === raised.rule &&
      activeAtMs === raised.time &&
      labels.site === raised.site &&
      labels.line === raised.line &&
      labels.machine === raised.machine,
  );
  const seenMs = alarm?.firstReceivedAtMs;
  const command = alarm?.command ?? null;
  const cleared = steps.findLast(
    (step) =>
      step.type === "cleared" &&
      step.site === raised.site &&
      step.line === raised.line &&
      step.machine === raised.machine &&
      step.time > raised.time,
  );
  return [
    {
      isTrue: true,
      text: `${place} overheated at ${clockTime(raised.time)}: ${raised.value} °C, limit ${raised.limit} °C`,
    },
    {
      isTrue: seenMs !== undefined,
      text:
        seenMs === undefined
          ? "central has not seen the alarm"
          : `central saw the alarm ${seenMs - raised.time} ms after the reading`,
    },
    {
      isTrue: command !== null && command.confirmedAtMs !== null,
      text:
        command === null
          ? "no stop was commanded"
          : `the agent commanded the stop ${command.latencyMs.toFixed(2)} ms after the reading arrived, ` +
            (command.confirmedAtMs === null
              ? "which was not confirmed"
              : `confirmed ${command.confirmedAtMs - command.commandedAtMs} ms later`),
    },
    {
      isTrue: cleared !== undefined && alarm?.clearedAtMs === cleared.time,
      text:
        cleared === undefined
          ? `${place} has not cooled`
          : alarm?.clearedAtMs === cleared.time
            ? `${place} cooled below ${cleared.limit} °C at ${clockTime(cleared.time)}, and the alarm cleared`
            : `${place} cooled below ${cleared.limit} °C at ${clockTime(cleared.time)}, but the alarm has not cleared`,
    },
  ];
}

function clockTime(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(11, 23)} UTC`;
}
