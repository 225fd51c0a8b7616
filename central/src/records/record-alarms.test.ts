// Alarms of rules on records, through the whole of central: raised, cleared and ended in the commits that hold the records.
import type { PipelineMetric, RecordRule } from "@millrace/config";
import type { RecordCondition } from "@millrace/detect";
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import type { Central, CentralOptions } from "../central.ts";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { openCentral } from "./open-central.test-support.ts";
import { bytesOf, ORDERS } from "./staged-records.test-support.ts";

const NOW = 1_700_000_040_000;
const SPEED: PipelineMetric = {
  name: "speed",
  unit: "km/h",
  accumulate: ["max"],
  isLive: false,
  paneMs: 60_000,
  stream: "trucks",
  source: {
    kind: "records",
    stream: "trucks",
    id: ["id"],
    time: { path: ["t"], unit: "ms", timeZone: null },
    measure: {
      metric: "speed",
      path: ["speed"],
      map: null,
      isOptional: false,
      adjustment: null,
      labels: [
        { name: "truck", path: ["truck"] },
        {
          name: "zone",
          zone: {
            longitude: ["lon"],
            latitude: ["lat"],
            zones: [{ name: "depot", shape: { kind: "circle", center: [0, 0], radiusKm: 10 } }],
          },
        },
      ],
    },
  },
};
const rule = (name: string, when: RecordCondition): RecordRule => ({
  stream: "trucks",
  spec: { name, metric: "speed", when, severity: 500, message: name },
  zoneLabel: "zone",
});
const SPEEDING = rule("speeding", { kind: "above", limit: 100, clear: 100, forAtLeastMs: 0 });
const SILENT = rule("silent", { kind: "missing", forMs: 120_000, forAtLeastMs: 0 });
const DEPOT = rule("at_depot", { kind: "zone", zones: ["depot"], isIn: true });
const PIPELINE: CentralOptions["pipeline"] = {
  metrics: [SPEED],
  windows: [
    {
      name: "speed_1m",
      metric: "speed",
      kind: "aligned",
      sizeMs: 60_000,
      slideMs: 60_000,
      offsetMs: 0,
      latenessMs: 3_600_000,
      by: ["truck"],
    },
  ],
  recordRules: [SPEEDING, SILENT, DEPOT],
};

async function start({
  store = new CrashingStore(),
  time = new SimulatedTime(NOW),
  pipeline = PIPELINE,
} = {}) {
  const records = [{ ...ORDERS, name: "trucks" }];
  const central = await openCentral({ agents: [], pipeline, records, store, clock: time.clock() });
  return { time, store, central };
}

const report = (id: number, truck: string, t: number, { speed = 80, lon = 1 } = {}) =>
  bytesOf({ id, t, truck, speed, lon, lat: 0 });
const posted = (values: readonly Uint8Array[]) => ({
  partition: 0,
  values,
  offsets: null,
  nextOffset: null,
  isAtEnd: true,
});
const shown = (central: Central, nowMs: number): string[] =>
  central
    .alarms()
    .map(
      ({ rule: name, labels, activeAtMs, clearedAtMs }) =>
        `${name} ${Object.values(labels).join("/")} ${activeAtMs - nowMs} ${clearedAtMs === null ? "" : clearedAtMs - nowMs}`,
    )
    .toSorted();

/** Two trucks for ten minutes: one drives too fast for a while and passes the depot, the other one is silent for a while. */
const BATCHES = Array.from({ length: 30 }, (_, at) => {
  const t = NOW - 600_000 + 20_000 * at;
  const fast = { speed: at >= 10 && at < 14 ? 120 : 80, lon: at >= 20 && at < 25 ? 0.01 : 1 };
  const isSilent = at >= 5 && at < 13;
  return [report(2 * at, "fast", t, fast), ...(isSilent ? [] : [report(2 * at + 1, "quiet", t)])];
});
const SEEN = [
  "at_depot fast/depot -200000 -100000",
  "silent quiet -400000 -340000",
  "speeding fast -400000 -320000",
];

test("a limit, silence and a zone, with a backlog as it would have been live", async () => {
  const { central, time } = await start();
  void central.offerRecords("trucks", posted(BATCHES.flat()));
  await time.run(1_000);
  expect(shown(central, NOW)).toEqual(SEEN);
  expect(central.alarms()[0]).toMatchObject({ agent: "", site: "", isHistorical: false, severity: 500 });
  // What comes late, or again, changes nothing.
  void central.offerRecords(
    "trucks",
    posted([report(900, "fast", NOW - 400_000, { speed: 150 }), ...BATCHES[11]]),
  );
  await time.run(1_000);
  expect(shown(central, NOW)).toEqual(SEEN);
  await time.run(150_000);
  expect(shown(central, NOW).filter((each) => each.startsWith("silent"))).toHaveLength(3);
});

test("a crash at every commit, before or after it: the same alarms, none twice and none missing", async () => {
  const run = async (commit: number, fate: "crash_before" | "crash_after") => {
    let world = await start();
    const { time } = world;
    world.store.fate = (each) => (each === commit ? fate : "done");
    let isCrashed = false;
    for (const batch of BATCHES) {
      for (;;) {
        const done = world.central.offerRecords("trucks", posted(batch));
        let isDone = false;
        void done?.then(() => (isDone = true));
        await time.run(300);
        if (isDone) break;
        isCrashed = true;
        world = await start({ store: new CrashingStore(world.store.snapshot()), time });
      }
    }
    expect(shown(world.central, NOW)).toEqual(SEEN);
    return isCrashed;
  };
  let crashes = 0;
  for (let commit = 1; commit <= 24; commit += 1)
    for (const fate of ["crash_before", "crash_after"] as const) if (await run(commit, fate)) crashes += 1;
  expect(crashes).toBeGreaterThan(20);
});

test("alarms of a rule that is gone, or has another condition, end and say why; the others go on", async () => {
  const world = await start();
  const { time, store } = world;
  const last = BATCHES.flat().slice(0, 19);
  // Between the last of these and now nobody was heard; one still is not.
  void world.central.offerRecords(
    "trucks",
    posted([...last, report(500, "fast", NOW, { speed: 130, lon: 0 })]),
  );
  await time.run(500);
  expect(shown(world.central, NOW).filter((each) => each.endsWith(" "))).toHaveLength(3);
  await world.central.close();
  const changed = { ...DEPOT, spec: { ...DEPOT.spec, when: SPEEDING.spec.when } };
  const pipeline = { ...PIPELINE, recordRules: [SPEEDING, changed] };
  const next = await start({ store: new CrashingStore(store.snapshot()), time, pipeline });
  await time.run(1_500);
  const reasons = next.central
    .alarms()
    .map(({ rule: name, isActive, endReason }) => [name, isActive, endReason]);
  expect(reasons.toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([
    ["at_depot", false, "condition_changed"],
    ["silent", false, undefined],
    ["silent", false, "rule_removed"],
    ["speeding", true, undefined],
  ]);
});
