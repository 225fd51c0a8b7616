// A real table: PostgreSQL, Debezium's connector, Kafka and central, each killed on the way. The oracle is the database: at the
// end windows say what SELECT says.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PlatformaticClient } from "@millrace/kafka";
import { SeededRandom } from "@millrace/testkit";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RecordStreamView } from "../../central/src/records/record-stream-view.ts";
import { KAFKA_VERSIONS } from "../../scripts/stack/kafka-server.ts";
import { CentralHarness } from "../end-to-end/central-harness.ts";
import { windowsOf } from "../end-to-end/simulated-orders.ts";
import { KafkaWorks } from "../end-to-end/kafka-works.ts";
import { until } from "../end-to-end/until.ts";
import { Works } from "../end-to-end/works.ts";
import { PostgresWorks } from "./postgres-works.ts";
import { debeziumJars, TableCapture } from "./table-capture.ts";

const CAPTURED = join(import.meta.dirname, "../../packages/wire/src/record/debezium/captured");
const PIPELINE = join(import.meta.dirname, "../../pipelines/orders-table.yaml");
const TABLE = `CREATE TABLE orders (
  order_id text PRIMARY KEY, region text NOT NULL, category text NOT NULL, amount numeric(12,2) NOT NULL,
  status text NOT NULL, created_at timestamp NOT NULL)`;
const REGIONS = ["北京", "上海", "广州", "深圳"];
const NEEDS = "needs PostgreSQL, Java, Maven and Debezium's jars";

let postgres: PostgresWorks | undefined;
let jars: string | undefined;

beforeAll(async () => {
  jars = debeziumJars();
  if (jars !== undefined) postgres = await PostgresWorks.start();
}, 600_000);
afterAll(() => postgres?.end());

/** Without what differs from one run of the same statements to the next, and the database's name. */
function timeless({ key, value }: { readonly key: string; readonly value: string }, name: string): unknown[] {
  const event = JSON.parse(value, (field, each: unknown) => {
    if (/^ts_|^(lsn|txId|sequence)$/.test(field)) return undefined;
    return each === name ? "shop" : each;
  });
  return [JSON.parse(key), event];
}

const VARIANTS: Readonly<
  Record<string, { readonly sql: string; readonly properties: Record<string, string> }>
> = {
  schemas: { sql: "", properties: {} },
  precise: {
    sql: "ALTER TABLE orders REPLICA IDENTITY FULL;",
    properties: { "converter.schemas.enable": "false" },
  },
  strings: {
    sql: "",
    properties: {
      "converter.schemas.enable": "false",
      "decimal.handling.mode": "string",
      "time.precision.mode": "connect",
    },
  },
};

test("Debezium writes of these statements what was captured", { timeout: 360_000 }, async ({ skip }) => {
  if (postgres === undefined || jars === undefined) return skip(NEEDS);
  const works = new Works();
  const read = (file: string) => readFileSync(join(CAPTURED, file), "utf8");
  const captures = Object.entries(VARIANTS).map(([name, { sql, properties }]) => {
    postgres?.sql(`CREATE DATABASE ${name}`);
    postgres?.sql(`SET timezone = 'UTC'; ${read("before.sql")} ${sql}`, name);
    const capture = new TableCapture({
      works,
      jars: jars ?? "",
      port: postgres?.port ?? 0,
      database: name,
      kafka: null,
      properties: { "topic.prefix": "shop", ...properties },
    });
    capture.start();
    return { name, capture };
  });
  for (const { name, capture } of captures) {
    await until(`the snapshot of ${name}`, () => capture.changes.length >= 2, 60_000);
    await until(`the slot of ${name}`, () => isStreaming(name), 60_000);
    postgres.sql(read("changes.sql"), name);
  }
  for (const { name, capture } of captures) {
    const lines = read(`${name}.tsv`).trimEnd().split("\n");
    const expected = lines.map((line) => {
      const [key = "", value = ""] = line.split("\t");
      return timeless({ key, value }, name);
    });
    await until(`all changes of ${name}`, () => capture.changes.length >= expected.length, 30_000);
    expect(capture.changes.map((change) => timeless(change, name))).toEqual(expected);
  }
});

function isStreaming(slot: string): boolean {
  const found = postgres?.sql(`SELECT active FROM pg_replication_slots WHERE slot_name = '${slot}'`) ?? [];
  return found[0]?.[0] === "t";
}

/** Statements of a shop: orders come, are paid or fail, change their amount or region, are deleted. */
function statements(random: SeededRandom, count: number, ids: string[]): string {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random.next() * items.length)];
  const said: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const kind = random.next();
    if (kind < 0.5 || ids.length === 0) {
      const id = `o-${ids.length}-${Math.floor(random.next() * 1e9)}`;
      ids.push(id);
      const age = `${Math.floor(random.next() * 600)} seconds`;
      said.push(
        `INSERT INTO orders VALUES ('${id}', '${pick(REGIONS)}', '${pick(["food", "phones"])}', ${(random.next() * 500).toFixed(2)}, 'pending', date_trunc('second', now() AT TIME ZONE 'UTC') - interval '${age}');`,
      );
    } else if (kind < 0.8)
      said.push(
        `UPDATE orders SET status = '${pick(["paid", "failed", "refunded"])}' WHERE order_id = '${pick(ids)}';`,
      );
    else if (kind < 0.88)
      said.push(
        `UPDATE orders SET amount = amount + ${(random.next() * 9 - 5).toFixed(2)} WHERE order_id = '${pick(ids)}';`,
      );
    else if (kind < 0.92)
      said.push(`UPDATE orders SET region = '${pick(REGIONS)}' WHERE order_id = '${pick(ids)}';`);
    else if (kind < 0.95) {
      const old = pick(ids);
      const renamed = `${old}-x`;
      ids.push(renamed);
      said.push(
        `UPDATE orders SET order_id = '${renamed}' WHERE order_id = '${old}' AND order_id NOT LIKE '%-x-x';`,
      );
    } else said.push(`DELETE FROM orders WHERE order_id = '${pick(ids)}';`);
  }
  return `BEGIN; ${said.join("\n")} COMMIT;`;
}

const SLOW_ROWS = `INSERT INTO orders SELECT 'slow-' || n, '北京', 'food', 1, 'paid', date_trunc('second', now() AT TIME ZONE 'UTC')
  FROM generate_series(1, 5000) n`;

/** Transactions that each change one more row of those and are under way for a while, several at a time, until it is over. */
async function changeSlowly(port: number, isOver: () => boolean): Promise<void> {
  let next = 1;
  const one = async () => {
    const client = new Client({ host: "127.0.0.1", port, user: "postgres", database: "shop" });
    await client.connect();
    while (!isOver()) {
      const id = `slow-${next++}`;
      await client.query("BEGIN");
      await client.query("UPDATE orders SET amount = amount + 1 WHERE order_id = $1", [id]);
      await client.query("SELECT pg_sleep(0.2 + 0.2 * random())");
      await client.query("COMMIT");
    }
    await client.end();
  };
  await Promise.all(Array.from({ length: 12 }, one));
}

const SELECT = `SELECT region, (extract(epoch FROM date_trunc('minute', created_at)) * 1000)::bigint AS start_ms, `;
const OF_WINDOW = "FROM orders GROUP BY region, start_ms";

async function saidBy(central: CentralHarness, window: string, fields: readonly string[]): Promise<string[]> {
  const windows = await windowsOf(central, window);
  return windows
    .filter(({ values }) => (values["count"] ?? 0) > 0)
    .map(({ group, startMs, values }) =>
      [group["region"], startMs, ...fields.map((field) => (values[field] ?? 0).toFixed(2))].join(" "),
    )
    .sort();
}

test(
  "snapshot and changes, with kill -9 of Debezium and of central in between: the windows are those of the table",
  { timeout: 600_000 },
  async ({ skip }) => {
    if (postgres === undefined || jars === undefined) return skip(NEEDS);
    const works = new Works();
    const broker = await KafkaWorks.start(KAFKA_VERSIONS[0]);
    if (broker === undefined) return skip("needs Java, Maven and the Kafka jars");
    works.atEnd(() => broker.end());
    const brokers = [broker.server.address];
    const admin = new PlatformaticClient({ brokers, clientId: "shop", tls: null, sasl: null }).admin();
    works.atEnd(() => admin.close());
    await admin.createTopic({ topic: "shop.public.orders", partitions: 3, replicas: 1 });
    const random = new SeededRandom(11);
    const ids: string[] = [];
    const database = postgres;
    database.sql("CREATE DATABASE shop");
    database.sql(TABLE, "shop");
    database.sql(statements(random, 300, ids), "shop");
    database.sql(SLOW_ROWS, "shop");
    const capture = new TableCapture({
      works,
      jars,
      port: database.port,
      database: "shop",
      kafka: broker.server.address,
      // A connector that is killed tells again what came since.
      properties: { "converter.schemas.enable": "false" },
    });
    // What is under way while the snapshot is read is told behind it, with a lower place in the log.
    let isSnapshotRead = false;
    const changed = changeSlowly(database.port, () => isSnapshotRead);
    capture.start();
    const central = await CentralHarness.prepare({
      works,
      pipelinePath: PIPELINE,
      agents: [],
      config: {
        records: {
          orders: {
            kafka: { brokers, topic: "shop.public.orders" },
            debezium: { decimals: { amount: 2 } },
          },
        },
      },
    });
    await central.start();
    // Without its own place on disk a connector begins with a new snapshot, which does not tell what is gone.
    await until("the connector reads", () => isStreaming("shop"), 60_000);
    await until("the snapshot is told", () => capture.changes.length >= 5_000, 60_000);
    isSnapshotRead = true;
    await changed;
    const expectedOf = (columns: string) =>
      database
        .sql(`${SELECT} ${columns}`, "shop")
        .map((columnsOf) => columnsOf.join(" "))
        .sort();
    const amountsSaid = async () => {
      const amounts = expectedOf(`count(*)::numeric(12,2), sum(amount) ${OF_WINDOW}`);
      expect(amounts.length).toBeGreaterThan(10);
      await until(
        "the windows are those of the table",
        async () => {
          expect(await saidBy(central, "orders_1m", ["count", "sum"])).toEqual(amounts);
          return true;
        },
        60_000,
      );
    };
    await amountsSaid();
    await until(
      "the connector's place",
      () => {
        // It is written down with the next change that is told, a second after the last time.
        database.sql(statements(random, 1, ids), "shop");
        return existsSync(capture.offsetsPath);
      },
      60_000,
    );
    for (let round = 0; round < 8; round += 1) {
      await until("the connector reads on", () => isStreaming("shop"), 60_000);
      const told = capture.changes.length;
      database.sql(statements(random, 60, ids), "shop");
      if (round === 4) database.sql("TRUNCATE orders", "shop");
      await until("some of it is told", () => capture.changes.length > told);
      if (round === 2 || round === 5) {
        await capture.kill();
        await until("the slot is free", () => !isStreaming("shop"));
        // From now on it does not write down how far it is: the next one tells all of it again.
        capture.start({ "offset.flush.interval.ms": "600000" });
      }
      if (round === 3 || round === 6) {
        await central.process.kill();
        await central.start();
      }
    }
    await amountsSaid();
    const failures = expectedOf(
      `count(*)::numeric(12,2), avg((status = 'failed')::int)::numeric(12,2) ${OF_WINDOW.replace("GROUP", "WHERE status <> 'pending' GROUP")}`,
    );
    expect(await saidBy(central, "payments_1m", ["count", "ratio"])).toEqual(failures);
    const answer = await fetch(`http://127.0.0.1:${central.httpPort}/api/v1/records`);
    const { streams }: { streams: RecordStreamView[] } = JSON.parse(await answer.text());
    const { totals, rows } = streams[0];
    const { received, aggregated, duplicates, setAside, tooLate, noEffect, rejected } = totals;
    expect([setAside, tooLate, rejected]).toEqual([0, 0, {}]);
    expect(received).toBe(aggregated + duplicates + noEffect);
    expect(totals.retracted).toBeGreaterThan(50);
    // What was told again by a connector that had been killed.
    expect(duplicates).toBeGreaterThan(0);
    expect(rows).toBeGreaterThan(0);
    expect(await central.process.stop()).toBe(0);
  },
);
