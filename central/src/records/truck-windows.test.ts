// The shipped pipeline of trucks through the whole of central: whatever order reports come in, however often and in whatever
// batches, with a crash between, its windows are those of the plain list.
import path from "node:path";
import { loadPipeline } from "@millrace/config";
import { SimulatedTime } from "@millrace/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { openCentral } from "./open-central.test-support.ts";
import { bytesOf, ORDERS } from "./staged-records.test-support.ts";

const NOW = 1_700_000_100_000;
const WINDOW_MS = 300_000;
const file = path.resolve(import.meta.dirname, "../../../pipelines/trucks.yaml");
const { config: pipeline } = loadPipeline(file, { env: {} });

interface Report {
  readonly report_id: number;
  readonly truck: string;
  readonly time: number;
  readonly lon: number;
  readonly lat: number;
  readonly speed: number;
  readonly due: number;
}

/** Half an hour of three trucks about 北京, each report of a truck at a time of its own. */
const reports: fc.Arbitrary<Report[]> = fc
  .uniqueArray(
    fc.record({
      truck: fc.constantFrom("t1", "t2", "t3"),
      time: fc.integer({ min: NOW - 1_800_000, max: NOW }),
      lon: fc.integer({ min: 11_600_000, max: 11_690_000 }).map((steps) => steps / 1e5),
      lat: fc.integer({ min: 3_950_000, max: 4_020_000 }).map((steps) => steps / 1e5),
      speed: fc.integer({ min: 0, max: 120 }),
      due: fc.integer({ min: NOW - 3_600_000, max: NOW + 3_600_000 }),
    }),
    { selector: ({ truck, time }) => `${truck} ${time}`, maxLength: 80 },
  )
  .map((all) => all.map((report, at) => ({ report_id: at, ...report })));

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** By the law of cosines: another formula than the engine's. */
function kmBetween(a: Pick<Report, "lon" | "lat">, b: Pick<Report, "lon" | "lat">): number {
  const cosine =
    Math.sin(radians(a.lat)) * Math.sin(radians(b.lat)) +
    Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * Math.cos(radians(b.lon - a.lon));
  return 6_371.0088 * Math.acos(Math.min(1, cosine));
}

const zoneOf = (report: Report): string =>
  kmBetween({ lon: 116.407, lat: 39.904 }, report) <= 20 ? "北京" : "outside";

/** What a window says, in one line. */
const said = (name: string, group: string, startMs: number, values: readonly number[]): string =>
  [name, group, startMs, ...values.map((value) => value.toFixed(3))].join(" ");

function grouped(all: readonly Report[], keyOf: (report: Report) => string) {
  const startOf = ({ time }: Report): number => Math.floor(time / WINDOW_MS) * WINDOW_MS;
  return [...Map.groupBy(all, (report) => `${keyOf(report)} ${startOf(report)}`).values()].map((own) => ({
    group: keyOf(own[0]),
    startMs: startOf(own[0]),
    own: own.toSorted((a, b) => a.time - b.time),
  }));
}

function expected(all: readonly Report[]): string[] {
  const ofTrucks = grouped(all, ({ truck }) => truck).flatMap(({ group, startMs, own }) => {
    const way = own.slice(1).reduce((sum, report, at) => sum + kmBetween(own[at], report), 0);
    const speeds = own.map(({ speed }) => speed);
    const delays = own.map(({ time, due }) => (time - due) / 1_000);
    const mean = speeds.reduce((sum, speed) => sum + speed, 0) / speeds.length;
    return [
      said("truck_way_5m", group, startMs, [own.length, way, 0]),
      said("truck_speed_5m", group, startMs, [own.length, mean, Math.max(...speeds)]),
      said("truck_delay_5m", group, startMs, [own.length, Math.max(...delays), delays[delays.length - 1]]),
    ];
  });
  const ofZones = grouped(all, zoneOf).map(({ group, startMs, own }) =>
    said("zone_trucks_5m", group, startMs, [own.length, new Set(own.map(({ truck }) => truck)).size]),
  );
  return [...ofTrucks, ...ofZones].toSorted();
}

const RESULTS = {
  truck_way_5m: ["count", "distance", "inexact"],
  truck_speed_5m: ["count", "mean", "max"],
  truck_delay_5m: ["count", "max", "last"],
  zone_trucks_5m: ["count", "distinct"],
} as const;

const delivered = reports.chain((all) =>
  fc.record({
    all: fc.constant(all),
    sent: fc.shuffledSubarray(all, { minLength: all.length }),
    again: fc.shuffledSubarray(all),
    batch: fc.integer({ min: 1, max: 30 }),
    crashAt: fc.nat(6),
  }),
);

test("windows of any reports in any order, with repetitions and a crash, are those of the list", async () => {
  await fc.assert(
    fc.asyncProperty(delivered, async ({ all, sent, again, batch, crashAt }) => {
      const time = new SimulatedTime(NOW);
      const records = [{ ...ORDERS, name: "trucks", dedupeHorizonMs: 21_600_000 }];
      let store = new CrashingStore();
      const open = () => openCentral({ agents: [], pipeline, records, store, clock: time.clock() });
      let central = await open();
      const coming = [...sent, ...again];
      for (let from = 0, number = 0; from < coming.length; from += batch, number += 1) {
        const values = coming.slice(from, from + batch).map((report) => bytesOf(report));
        const posted = { partition: 0, values, offsets: null, nextOffset: null, isAtEnd: true };
        void central.offerRecords("trucks", posted);
        await time.run(300);
        if (number !== crashAt) continue;
        store = new CrashingStore(store.snapshot());
        central = await open();
        // Nobody was told that they were taken.
        void central.offerRecords("trucks", posted);
        await time.run(300);
      }
      // Revisions come a moment after what they hold.
      await time.run(2_000);
      const found: string[] = [];
      for (const [window, names] of Object.entries(RESULTS)) {
        const query = { window, group: {}, fromMs: -1e15, toMs: 1e15, limit: 10_000, cursor: null };
        for (const { group, startMs, values } of (await central.windows(query)).windows) {
          const shown = names.map((name) => values[name]);
          found.push(said(window, Object.values(group).join("/"), startMs, shown));
        }
      }
      expect(found.toSorted()).toEqual(expected(all));
    }),
    { numRuns: 30 },
  );
});
