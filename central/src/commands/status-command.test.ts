// What `millrace-central status` says beside the table of agents.
import type { ToldMaintenance } from "@millrace/wire";
import { expect, test } from "vitest";
import { completeToMs } from "../records/complete-to-ms.ts";
import {
  damageText,
  logLossText,
  maintenanceText,
  pipelineText,
  reasonIn,
  sinkText,
  tooLateText,
} from "./status-command.ts";

test("what is in maintenance stands with its agent, its times and who said so; nothing where nothing is", () => {
  expect(maintenanceText([{ agent: "alpha-1" }, { agent: "beta-1", maintenance: [] }])).toBe("");
  const maintenance: ToldMaintenance[] = [
    { labels: { line: "1", machine: "m1" }, sinceMs: 0, untilMs: 3_600_000, by: "anna" },
    { labels: {}, sinceMs: 0, untilMs: 60_000, by: "topic f/m" },
  ];
  expect(
    maintenanceText([{ agent: "alpha-1", maintenance }])
      .split("\n")
      .map((line) => line.trimEnd()),
  ).toEqual([
    "",
    "in maintenance",
    "since                     until                     agent    labels             by",
    "1970-01-01T00:00:00.000Z  1970-01-01T01:00:00.000Z  alpha-1  line=1 machine=m1  anna",
    "1970-01-01T00:00:00.000Z  1970-01-01T00:01:00.000Z  alpha-1  everything         topic f/m",
    "",
  ]);
});

test("an agent with another pipeline than central's is named, and its readings of no window are", () => {
  const agent = (name: string, pipelineVersion: string, state: "connected" | "retired" = "connected") =>
    ({ agent: name, state, status: { pipelineVersion } }) as const;
  const agents = [agent("a", "one"), agent("b", "two"), agent("c", "two", "retired"), agent("d", "")];
  expect(pipelineText(agents.slice(0, 1), { a: { unwindowed: 0 } }, "one")).toBe("");
  expect(pipelineText(agents, { b: { unwindowed: 40_000 } }, "one")).toBe(
    "\n40000 readings of agent b are in no window: central's pipeline has none for their metric; agent b runs pipeline two, central's file is one\n",
  );
  expect(pipelineText(agents, {}, null)).toBe("");
});

test("metrics of which some is in no window stand by name under the ledgers", () => {
  expect(tooLateText({ a: { tooLateByMetric: {} } }, [])).toBe("");
  const orders = { stream: "orders", totals: { tooLateByMetric: { failed: 800 } } };
  expect(tooLateText({ a: { tooLateByMetric: { t: 1 } } }, [orders])).toBe(
    "\n1 value of metric t of agent a came too late for all its windows\n" +
      "\n800 values of metric failed of records orders came too late for all its windows\n",
  );
});

test("that central's store was damaged stands under the ledger, which counts on; nothing where it never was", () => {
  expect(damageText({})).toBe("");
  expect(damageText({ storeDamaged: { firstAtMs: 1_000, lastAtMs: 1_000 } })).toContain(
    "store was damaged, found 1970-01-01T00:00:01.000Z: ",
  );
  expect(damageText({ storeDamaged: { firstAtMs: 1_000, lastAtMs: 61_000 } })).toContain(
    "found 1970-01-01T00:01:01.000Z, before that since 1970-01-01T00:00:01.000Z: ",
  );
});

test("what of the log never came is told with the time before which windows may lack it", () => {
  expect(logLossText({})).toBe("");
  expect(logLossText({ logLost: { records: 3, untilMs: 61_000, lastAtMs: 3_601_000 } })).toBe(
    "\n3 records of the log were gone before they were read, found 1970-01-01T01:00:01.000Z: windows that begin before 1970-01-01T00:01:01.000Z may lack some, and nothing above counts them\n",
  );
});

test("a sink says what it passed over because it ended too long ago, what it has still to be given, and why it is down", () => {
  const written = { written: 1, stale: 0, superseded: 0, expired: 0, deferred: 0, refused: 0 };
  const redis = {
    sink: "redis",
    state: "up",
    waiting: 0,
    owed: 0,
    owedMs: 0,
    outcomes: written,
    reason: "",
  } as const;
  expect(sinkText(redis)).toBe("\nsink redis is up: 1 revision written, 0 waiting\n");
  expect(sinkText({ ...redis, outcomes: { ...written, expired: 7 } })).toBe(
    "\nsink redis is up: 1 revision written, 0 waiting, 7 passed over: they ended longer ago than its retention\n",
  );
  expect(sinkText({ ...redis, state: "down", waiting: 3, reason: "it is away" })).toBe(
    "\nsink redis is down: 1 revision written, 3 waiting; it is away\n",
  );
  expect(sinkText({ ...redis, state: "rebuilding", owed: 70_000, owedMs: 61_000 })).toBe(
    "\nsink redis is rebuilding: 1 revision written, 0 waiting, 70000 still to be read from the history, behind for 61 s\n",
  );
});

test("a stream of which a partition has not been read is complete to nothing; one that is empty holds nothing up", () => {
  const read = { watermarkMs: 7_000, isIdle: true };
  const slower = { watermarkMs: 5_000, isIdle: false };
  expect(completeToMs([read, slower])).toBe(5_000);
  expect(completeToMs([read, { watermarkMs: null, isIdle: true }])).toBe(7_000);
  expect(completeToMs([read, { watermarkMs: null, isIdle: false }])).toBeNull();
  expect(completeToMs([])).toBeNull();
});

test("why central is not ready is told", () => {
  expect(reasonIn({ isReady: false, reason: "the broker mqtt://b: Not authorized" })).toBe(
    ": the broker mqtt://b: Not authorized",
  );
  expect([reasonIn({ isReady: false, reason: "" }), reasonIn(null)]).toEqual(["", ""]);
});
