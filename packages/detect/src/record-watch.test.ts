// Rules on single records: the alarms are those of the definition, wherever commits are cut and processes die.
import { seriesKey } from "@millrace/stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { AlarmEvent } from "./alarm-event.ts";
import { type RecordCondition, type RecordSeriesState, RecordWatch } from "./record-watch.ts";

const FOR_MS = 50;
const CONDITIONS: readonly RecordCondition[] = [
  { kind: "above", limit: 5, clear: 5, forAtLeastMs: 0 },
  { kind: "above", limit: 5, clear: 3, forAtLeastMs: 0 },
  { kind: "below", limit: 5, clear: 7, forAtLeastMs: 30 },
  { kind: "missing", forMs: FOR_MS, forAtLeastMs: 0 },
  { kind: "zone", zones: ["depot"], isIn: true },
  { kind: "zone", zones: ["depot", "city"], isIn: true },
  { kind: "zone", zones: ["depot", "city"], isIn: false },
];
const DAY_MS = 86_400_000;

interface Arrived {
  readonly truck: string;
  readonly timeMs: number;
  readonly value: number;
  readonly zone: string;
}

const arrived: fc.Arbitrary<Arrived> = fc.record({
  truck: fc.constantFrom("a", "b", "c"),
  timeMs: fc.integer({ min: 0, max: 600 }),
  value: fc.integer({ min: 0, max: 10 }),
  zone: fc.constantFrom("depot", "city", "outside"),
});
/** Roughly in order, as a stream is. */
const stream = fc
  .array(arrived, { maxLength: 60 })
  .map((all) => all.map((each, at) => ({ ...each, timeMs: 10 * at + (each.timeMs % 100) - 50 })));

function newWatch(when: RecordCondition, seriesMax = 10): RecordWatch {
  return new RecordWatch(
    { name: "rule", metric: "m", when, severity: 500, message: "it is so" },
    { seriesMax },
  );
}

/** What is to be seen of an alarm. */
const shown = ({ labels, activeAtMs, clearedAtMs, isActive }: AlarmEvent) =>
  `${labels["truck"]} ${labels["zone"] ?? ""} ${activeAtMs} ${isActive ? "" : clearedAtMs}`;

/** By the definition, one truck after the other. */
function expectedOf(when: RecordCondition, all: readonly Arrived[]): string[] {
  const heard = all.map((_, at) => Math.max(...all.slice(0, at + 1).map(({ timeMs }) => timeMs)));
  const steps: string[] = [];
  for (const truck of ["a", "b", "c"]) {
    const own = all.flatMap((each, at) => (each.truck === truck ? [{ ...each, heardMs: heard[at] }] : []));
    if (when.kind === "missing") {
      own.slice(1).forEach(({ heardMs }, at) => {
        const dueMs = own[at].heardMs + FOR_MS;
        if (heardMs > dueMs) steps.push(`${truck}  ${dueMs} `, `${truck}  ${dueMs} ${heardMs}`);
      });
      const dueMs = (own.at(-1)?.heardMs ?? Infinity) + FOR_MS;
      if (heard[heard.length - 1] > dueMs) steps.push(`${truck}  ${dueMs} `);
      continue;
    }
    const newest = own.filter(({ timeMs }, at) => own.slice(0, at).every((before) => before.timeMs < timeMs));
    let active: { readonly sinceMs: number; readonly zone: string } | null = null;
    let brokenMs: number | null = null;
    for (const { timeMs, value, zone } of newest) {
      const isBroken =
        when.kind === "zone"
          ? when.zones.includes(zone) === when.isIn
          : when.kind === "above"
            ? value > when.limit
            : value < when.limit;
      const isNormal =
        when.kind === "zone" || when.clear === when.limit
          ? !isBroken
          : when.kind === "above"
            ? value < when.clear
            : value > when.clear;
      const shownZone: string = when.kind === "zone" ? zone : "";
      if (active !== null) {
        const isElsewhere = when.kind === "zone" && when.isIn && zone !== active.zone;
        if (isNormal || isElsewhere) {
          steps.push(`${truck} ${active.zone} ${active.sinceMs} ${timeMs}`);
          active = null;
        }
        if (!isElsewhere) continue;
      }
      brokenMs = isBroken ? (brokenMs ?? timeMs) : null;
      if (brokenMs === null || timeMs - brokenMs < ("forAtLeastMs" in when ? when.forAtLeastMs : 0)) continue;
      steps.push(`${truck} ${shownZone} ${timeMs} `);
      active = { sinceMs: timeMs, zone: shownZone };
      brokenMs = null;
    }
  }
  return steps;
}

test.each(CONDITIONS)(
  "$kind: any stream, any commits, a new process after each: the alarms of the definition",
  (when) => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(3), { maxLength: 60 }), (all, cuts) => {
        let watch = newWatch(when);
        const stored = new Map<string, RecordSeriesState>();
        const events: AlarmEvent[] = [];
        let latestMs = -Infinity;
        all.forEach(({ truck, timeMs, value, zone }, at) => {
          latestMs = Math.max(latestMs, timeMs);
          const record = { timeMs, value, zone, heardAtMs: latestMs, isHistorical: false };
          watch.observe(watch.seriesOf({ truck }), record);
          if (cuts[at] === 1) watch.tick(latestMs, false);
          if (cuts[at] !== 2) return;
          events.push(...watch.takeEvents());
          for (const [key, state] of watch.takeChanged()) {
            if (state !== null) stored.set(key, JSON.parse(JSON.stringify(state)));
          }
          watch = newWatch(when);
          for (const state of stored.values()) watch.restore(state);
        });
        watch.tick(latestMs, false);
        events.push(...watch.takeEvents());
        expect(events.map(shown).toSorted()).toEqual(expectedOf(when, all).toSorted());
        // One after the other: a truck is in one place.
        const active = new Set<string>();
        for (const { labels, isActive } of events) {
          expect(active.has(labels["truck"])).toBe(!isActive);
          if (isActive) active.add(labels["truck"]);
          else active.delete(labels["truck"]);
        }
        const steps = new Map<string, number>();
        for (const { id, step } of events) {
          expect(step).toBe((steps.get(id) ?? 0) + 1);
          steps.set(id, step);
        }
      }),
    );
  },
);

const at = (timeMs: number, value = 0, heardAtMs = timeMs) => ({
  timeMs,
  value,
  zone: "",
  heardAtMs,
  isHistorical: false,
});

test("silence is over by time alone, and ends with the next sign of life, of whatever time", () => {
  const watch = newWatch({ kind: "missing", forMs: FOR_MS, forAtLeastMs: 0 });
  const series = watch.seriesOf({ truck: "a" });
  watch.observe(series, at(1_000));
  watch.tick(1_050, false);
  expect(watch.takeEvents()).toEqual([]);
  watch.tick(1_051, true);
  watch.tick(2_000, false);
  expect(watch.takeEvents()).toMatchObject([
    { activeAtMs: 1_050, isActive: true, isHistorical: true, limit: 0.05 },
  ]);
  watch.observe(series, at(900, 0, 2_100));
  expect(watch.takeEvents()).toMatchObject([{ step: 2, isActive: false, clearedAtMs: 2_100, value: 1.1 }]);
});

test("series beyond the bound are not watched, and counted; those of long ago make room, and end", () => {
  const watch = newWatch({ kind: "above", limit: 5, clear: 5, forAtLeastMs: 0 }, 2);
  for (const truck of ["a", "b", "c"]) watch.observe(watch.seriesOf({ truck }), at(0, 9));
  expect(watch.overLimitCount).toBe(1);
  expect(watch.takeEvents().map(({ labels }) => labels["truck"])).toEqual(["a", "b"]);
  watch.observe(watch.seriesOf({ truck: "b" }), at(29 * DAY_MS, 9));
  watch.tick(31 * DAY_MS, false);
  expect(watch.takeEvents()).toMatchObject([{ labels: { truck: "a" }, isActive: false }]);
  const forgotten = [...watch.takeChanged()].filter(([, state]) => state === null).map(([key]) => key);
  expect(forgotten).toEqual([seriesKey("m", { truck: "a" })]);
  expect(watch.seriesOf({ truck: "c" })).not.toBeNull();
});
