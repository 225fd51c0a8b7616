// The simulator's orders as a table that changes in a real PostgreSQL, while the server crashes and the simulator is killed: the
// rows in the end are the truth's, and so is every change that the server's own log tells of, once.
import { connect, createServer } from "node:net";
import { silentLogger, systemClock, systemRandom } from "@millrace/runtime";
import { expect, test } from "vitest";
import type { BusinessRecord } from "../../simulator/src/business/business-record.ts";
import { BusinessRun } from "../../simulator/src/business/business-run.ts";
import { PostgresReceiver } from "../../simulator/src/business/live/postgres-receiver.ts";
import { recordTable } from "../../simulator/src/business/postgres/record-table.ts";
import { parsePlan } from "../../simulator/src/plan/load-plan.ts";
import { ReceiverWatch } from "../../simulator/src/publish/receiver-watch.ts";
import { readTruth } from "../../simulator/src/truth/read-truth.ts";
import { PostgresWorks } from "./postgres-works.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const PLAN = `version: 1
seed: 31
business:
  windows: [10s]
  debezium: { snapshot: 30s }
  orders:
    perSecond: 40
    payment: { perSecond: 50, declined: 0.1, retry: { share: 0.5, after: 5s } }
    refundDelay: { median: 30s }
    categories: { phones: { median: 2999, refunds: 0.3 }, food: { weight: 3, median: 58 } }
  transfers: { perSecond: 20, accounts: 1000 }
  appOpens: { users: 100000 }
`;
/** 2026-01-05 08:00 in Shanghai. */
const START_MS = 1_767_571_200_000;
const MINUTES = 4;
const SKIPPED = "needs PostgreSQL on this machine (apt install postgresql)";

test(
  "orders are inserted, paid, refunded and deleted in PostgreSQL as the truth has them, each once",
  { timeout: 480_000 },
  async (context) => {
    const works = new Works();
    const postgres = await PostgresWorks.start(works, ["wal_level=logical"]);
    if (postgres === undefined) return context.skip(SKIPPED);
    const before = await postgres.client();
    await before.query("SELECT pg_create_logical_replication_slot('changes', 'test_decoding')");
    const truth = works.path("truth.jsonl");
    const plan = ["--plan", works.write("plan.yaml", PLAN), "--truth", truth];
    const pace = ["--start", `${START_MS}`, "--for", `${MINUTES}m`, "--speed", "10"];
    const args = ["run", ...plan, ...pace, "--postgres", postgres.url];
    const simulator = works.process("simulator", "simulator/src/main.ts", args);
    const acked = async (): Promise<number> => {
      let records = 0;
      for await (const line of readTruth(truth)) if (line.type === "records-acked") ({ records } = line);
      return records;
    };
    simulator.start();
    await until("rows come", async () => (await acked()) > 3_000);
    await postgres.server.kill();
    await until("it says so", () => simulator.log.includes("PostgreSQL is away"));
    await postgres.server.start();
    await until("it goes on", async () => (await acked()) > 7_500);
    await simulator.kill();
    // What is gone on with goes as fast as it can.
    simulator.start();
    expect(await simulator.exit()).toBe(0);
    expect(simulator.log.match(/PostgreSQL is away/g)).toHaveLength(1);
    expect(simulator.log).toContain("PostgreSQL is back");

    const after = await postgres.client();
    const { records, tables } = expectedTables();
    expect(await acked()).toBe(records);
    for (const [table, rows] of tables) {
      const key = `${table.slice(0, -1)}_id`;
      const columns = table === "orders" ? "amount::text, status, updated_at::text AS at" : "amount::text";
      const found = await after.query(`SELECT ${key} AS id, ${columns} FROM ${table}`);
      expect(new Map(found.rows.map(({ id, ...row }) => [id, row]))).toEqual(rows);
    }
    const opens = await after.query("SELECT count(*)::int AS count FROM app_opens");
    const log = await after.query<{ readonly data: string }>(
      "SELECT data FROM pg_logical_slot_get_changes('changes', NULL, NULL)",
    );
    const changed = (table: string, op: string): number =>
      log.rows.filter(({ data }) => data.startsWith(`table public.${table}: ${op}:`)).length;
    const expected = { orders: { c: 0, u: 0, d: 0, r: 0 }, transfers: { c: 0, u: 0, d: 0, r: 0 } };
    let openCount = 0;
    for await (const line of readTruth(truth)) {
      if (line.type === "users-window") openCount += line.opens;
      if (line.type !== "changes-window") continue;
      for (const op of ["c", "u", "d", "r"] as const) expected[line.table][op] += line[op];
    }
    expect(opens.rows).toEqual([{ count: openCount }]);
    for (const table of ["orders", "transfers"] as const) {
      const { c, u, d, r } = expected[table];
      expect({
        insert: changed(table, "INSERT"),
        update: changed(table, "UPDATE"),
        delete: changed(table, "DELETE"),
      }).toEqual({ insert: c + r, update: u, delete: d });
    }
    expect(Math.min(...Object.values(expected.orders))).toBeGreaterThan(50);
  },
);

test(
  "a commit whose answer is lost is not made twice; a row that somebody else has deleted ends the run",
  { timeout: 300_000 },
  async (context) => {
    const works = new Works();
    const postgres = await PostgresWorks.start(works);
    if (postgres === undefined) return context.skip(SKIPPED);
    const { business } = parsePlan(PLAN, "plan");
    if (business === null) throw new Error("the plan makes records");
    const line = await openLine(works, postgres.server.port);
    const receiver = new PostgresReceiver({
      connection: { host: "127.0.0.1", port: line.port, user: "postgres", database: "shop", ssl: false },
      tables: new Map([["transfers", recordTable(business, "transfers")]]),
      run: "a",
      isResumed: false,
      clock: systemClock,
      random: systemRandom,
      watch: new ReceiverWatch({ receiver: "PostgreSQL", clock: systemClock, log: silentLogger }),
    });
    works.atEnd(() => receiver.close());
    expect(await receiver.open()).toBe(0);
    const transfer = (id: string, op: "c" | "d"): BusinessRecord => ({
      topic: "transfers",
      id,
      timeMs: START_MS,
      sentMs: START_MS,
      key: id,
      json: "{}",
      change: { op, row: [id, "a1", "a2", 1_250, START_MS] },
    });
    line.loseNextCommit();
    await receiver.send([transfer("t1", "c"), transfer("t2", "c")], 2);
    expect(line.lostCount).toBe(1);
    const client = await postgres.client();
    const rows = async () =>
      (await client.query("SELECT transfer_id AS id FROM transfers ORDER BY 1")).rows.map(({ id }) => id);
    expect(await rows()).toEqual(["t1", "t2"]);
    await receiver.send([transfer("t3", "c"), transfer("t1", "d")], 4);
    expect(await rows()).toEqual(["t2", "t3"]);
    await client.query("DELETE FROM transfers WHERE transfer_id = 't2'");
    await expect(receiver.send([transfer("t4", "c"), transfer("t2", "d")], 6)).rejects.toMatchObject({
      cause: { message: "1 of 1 rows of transfers are not there any more" },
    });
    // Of that transaction nothing is there.
    expect(await rows()).toEqual(["t3"]);
    const marks = await client.query("SELECT run, records::int FROM millrace_sim_marks");
    expect(marks.rows).toEqual([{ run: "a", records: 4 }]);
    await client.query("UPDATE millrace_sim_marks SET records = 1");
    await expect(receiver.send([transfer("t5", "c")], 7)).rejects.toMatchObject({
      cause: { message: expect.stringContaining("says 1 records where 4") },
    });
  },
);

/** A line to the server that can lose the answer to a commit, and the connection with it. */
async function openLine(works: Works, serverPort: number) {
  let isArmed = false;
  let lostCount = 0;
  const server = createServer((near) => {
    const far = connect({ host: "127.0.0.1", port: serverPort });
    let isLosing = false;
    near.on("data", (bytes: Buffer) => {
      isLosing ||= isArmed && bytes.includes("COMMIT");
      far.write(bytes);
    });
    far.on("data", (bytes: Buffer) => {
      if (!isLosing) return near.write(bytes);
      [isArmed, isLosing, lostCount] = [false, false, lostCount + 1];
      near.destroy();
      return far.destroy();
    });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ])
      one.on("close", () => other.destroy()).on("error", () => other.destroy());
  });
  const port = await works.freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  works.atEnd(() => void server.close());
  return {
    port,
    get lostCount() {
      return lostCount;
    },
    loseNextCommit() {
      isArmed = true;
    },
  };
}

/** What the tables hold in the end, by id, as whoever makes the records again applies them. */
function expectedTables() {
  const { business, seed } = parsePlan(PLAN, "plan");
  if (business === null) throw new Error("the plan makes records");
  const run = new BusinessRun({
    plan: business,
    seed,
    startMs: START_MS,
    record: () => {},
    hasRecords: true,
  });
  const tables = new Map<string, Map<string, object>>([
    ["orders", new Map()],
    ["transfers", new Map()],
  ]);
  let records = 0;
  while (run.nextTimeMs < START_MS + MINUTES * 60_000)
    for (const record of run.step()) {
      records += 1;
      apply(record, tables.get(record.topic));
    }
  return { records, tables };
}

function apply({ topic, change }: BusinessRecord, table: Map<string, object> | undefined): void {
  if (change === undefined || table === undefined) return;
  const [id, ...values] = change.row;
  const amount = (Number(topic === "orders" ? values[3] : values[2]) / 100).toFixed(2);
  const at = new Date(Number(values.at(-1)))
    .toISOString()
    .replace("T", " ")
    .replace(/\.?0*Z$/, "");
  if (change.op === "d") table.delete(`${id}`);
  else table.set(`${id}`, topic === "orders" ? { amount, status: values[4], at } : { amount });
}
