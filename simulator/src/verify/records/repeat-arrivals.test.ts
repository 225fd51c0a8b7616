// What comes with the end of a run comes then, whenever it would have left.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { parsePlan } from "../../plan/load-plan.ts";
import { RecordedWorld } from "../../recorded-world.ts";
import { TruthLog } from "../../truth/truth-log.ts";
import { repeatArrivals } from "./repeat-arrivals.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const START_MS = 1_767_571_200_000;
const END_MS = START_MS + 600_000;
const PLAN = `version: 1
business:
  trucks:
    routes: { road: { through: [北京, 天津, 济南], trucks: 2 } }
    silentAfter: 2m
    events: [{ truck: road-1, event: silence, at: 3m, for: 15m }]
`;

test("a truck that is without radio when the run ends is heard with the end, in the truth and when it is made again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-arrivals-"));
  folders.push(folder);
  const truthPath = join(folder, "truth.jsonl");
  const log = new TruthLog(truthPath);
  const silences: string[] = [];
  const world = new RecordedWorld({
    plan: parsePlan(PLAN, "plan"),
    startMs: START_MS,
    recovery: null,
    record: (line) => {
      log.append(line);
      if ((line.type === "truck-alarm" || line.type === "truck-cleared") && line.alarm === "silent")
        silences.push(`${line.type} ${line.truck} ${line.time <= END_MS ? "within" : "after"} the run`);
    },
    hasRecords: true,
  });
  while (world.nextTimeMs < END_MS) world.step();
  world.finish();
  log.flush();
  expect(silences).toEqual(["truck-alarm road-1 within the run", "truck-cleared road-1 within the run"]);

  const way = { acked: null, unacked: 0, againMax: 0, hasEnded: true, isTable: false, streams: null };
  const sentMs: number[] = [];
  const { faults } = await repeatArrivals({ truthPath, ways: [way] }, (record) => sentMs.push(record.sentMs));
  expect(faults).toEqual([]);
  expect(sentMs.length).toBeGreaterThan(100);
  expect(Math.max(...sentMs)).toBe(END_MS);
});
