// The Redis sink against a real Redis: whatever happens to it, in the end it holds the latest revision of every window, and nothing else.
import type { RedisSinkConfig } from "@millrace/config";
import { MemoryLogger, systemClock, systemRandom } from "@millrace/runtime";
import type { WindowResult, WindowSpec } from "@millrace/stream";
import { SeededRandom, TEST_CERTIFICATES } from "@millrace/testkit";
import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { RedisSink } from "../../central/src/sinks/redis/redis-sink.ts";
import { SinkRunner } from "../../central/src/sinks/sink-runner.ts";
import { WindowStream } from "../../central/src/sinks/window-stream.ts";
import { RedisWorks } from "./redis-works.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const SKIPPED = "needs redis-server (apt install redis-tools)";
const MINUTE_MS = 60_000;
const REGIONS = ["北京", "上海", "广州", "深圳"];
const ORDERS: WindowSpec = {
  name: "orders_1m",
  metric: "orders",
  kind: "aligned",
  sizeMs: MINUTE_MS,
  slideMs: MINUTE_MS,
  offsetMs: 0,
  by: ["region"],
  latenessMs: 7 * 86_400_000,
};
const SEED = Number(process.env["MILLRACE_SEED"] ?? Math.floor(Math.random() * 1e9));

/** Central as a sink sees it: a history, and what is published of it. */
class Plant {
  readonly history = new Map<string, WindowResult>();
  readonly log = new MemoryLogger();
  runner: SinkRunner<WindowResult>;
  readonly sink: RedisSink;
  readonly #random = new SeededRandom(SEED, "revisions");
  readonly #startMs: number;

  constructor(
    works: Works,
    config: Partial<RedisSinkConfig> & Pick<RedisSinkConfig, "url">,
    { generation = 1, windows = [ORDERS] }: { generation?: number; windows?: readonly WindowSpec[] } = {},
  ) {
    this.#startMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 60 * MINUTE_MS;
    const full: RedisSinkConfig = {
      username: null,
      password: null,
      tls: null,
      prefix: "order_monitor",
      retentionMs: 86_400_000,
      windows: null,
      ...config,
    };
    this.sink = new RedisSink({ config: full, windows, generation, log: this.log });
    this.runner = new SinkRunner({
      target: this.sink,
      stream: new WindowStream({
        windows,
        hasProvisional: true,
        readHistory: async ({ window, cursor, limit }) => {
          const all = [...this.history.values()].filter((result) => result.window === window);
          const from = Number(cursor ?? 0);
          const hasMore = from + limit < all.length;
          return { windows: all.slice(from, from + limit), cursor: hasMore ? String(from + limit) : null };
        },
      }),
      mark: null,
      retentionMs: full.retentionMs,
      clock: systemClock,
      random: systemRandom,
      log: this.log,
    });
    works.atEnd(() => this.runner.stop());
  }

  publish(...results: readonly WindowResult[]): void {
    for (const result of results)
      this.history.set(`${result.window} ${result.startMs} ${JSON.stringify(result.group)}`, result);
    this.runner.offer(results);
  }

  /** The next revision of some window of the last hour. */
  revise(): void {
    const region = REGIONS[this.#random.integer(0, REGIONS.length - 1)];
    const startMs = this.#startMs + this.#random.integer(0, 59) * MINUTE_MS;
    const earlier = this.history.get(`orders_1m ${startMs} ${JSON.stringify({ region })}`);
    const count = (earlier?.values["count"] ?? 0) + this.#random.integer(1, 9);
    this.publish(
      windowOf({ group: { region }, startMs, revision: (earlier?.revision ?? 0) + 1, values: { count } }),
    );
  }

  /** Over so long, evenly enough for what happens meanwhile to fall into the middle. */
  async stream(revisions: number, midway: () => Promise<unknown>): Promise<void> {
    let isHalf = false;
    let meanwhile: Promise<unknown> = Promise.resolve();
    for (let made = 0; made < revisions; made += 1) {
      this.revise();
      if (made % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (made * 2 < revisions || isHalf) continue;
      isHalf = true;
      await until("some of it is written", () => this.runner.view.outcomes.written > 100);
      meanwhile = midway();
    }
    await meanwhile;
  }

  async settled(): Promise<void> {
    await until("all is written", () => this.runner.view.state === "up" && this.runner.view.waiting === 0);
  }

  async troubled(code: string): Promise<void> {
    await until(`the trouble is ${code}`, () => this.runner.view.code === code);
  }

  /** So often since the start. */
  async saidUp(times: number): Promise<void> {
    await until("it is said to be up again", () => this.log.messages("info").length >= times);
  }

  get counts(): Record<string, string> {
    const entries = [...this.history.values()].map(
      ({ group, startMs, values }) => [`${group["region"]}:${startMs}`, String(values["count"])] as const,
    );
    return Object.fromEntries(entries);
  }
}

function windowOf(changes: Partial<WindowResult> & Pick<WindowResult, "startMs">): WindowResult {
  return {
    window: "orders_1m",
    metric: "orders",
    group: { region: "北京" },
    endMs: changes.startMs + MINUTE_MS,
    revision: 1,
    state: "provisional",
    values: { count: 1 },
    beside: { uncertain: 1, bad: 2, undeduplicated: 3 },
    completeness: {
      agentsExpected: 2,
      agentsReporting: 1,
      agentsMissing: ["alpha-1"],
      sitesExpected: 2,
      sitesReporting: 1,
      sitesMissing: ["alpha"],
    },
    updatedAtMs: 1_700_000_000_000,
    ...changes,
  };
}

/** Counts, every window's hash and the index say the same, and it is the truth. */
async function expectTruth(plant: Plant, redis: Redis): Promise<void> {
  await plant.settled();
  expect(await redis.hgetall("order_monitor")).toEqual(plant.counts);
  for (const result of plant.history.values()) {
    const member = `${result.group["region"]}:${result.startMs}`;
    const held = await redis.hmget(`order_monitor:${member}`, "revision", "count");
    expect(held).toEqual([String(result.revision), String(result.values["count"])]);
  }
  expect(await redis.zcard("order_monitor:index")).toBe(plant.history.size);
  expect(await redis.dbsize()).toBe(plant.history.size + 3);
}

test("the layout: counts, a hash for each window, an index; several labels, none, and sessions", async ({
  skip,
}) => {
  const works = new Works();
  const server = await RedisWorks.start(works);
  if (server === undefined) return skip(SKIPPED);
  const redis = server.client();
  const machines = { ...ORDERS, name: "machines", by: ["site", "machine"] };
  const all = { ...ORDERS, name: "all", by: [] };
  const plant = new Plant(
    works,
    { url: server.url, prefix: "mill:{window}" },
    { windows: [ORDERS, machines, all] },
  );
  const startMs = Date.now() - 10 * MINUTE_MS;
  plant.publish(
    windowOf({
      startMs,
      values: { count: 12, sum: 0.1, p99: 1e21 },
      top: [{ input: 3, count: 2, errorMax: 0 }],
    }),
    windowOf({ startMs, window: "machines", group: { site: "a:b", machine: "50%" } }),
    windowOf({ startMs, window: "all", group: {}, values: { count: 3 } }),
    windowOf({ startMs: startMs + 1, window: "all", group: {}, values: { count: 4 } }),
  );
  plant.runner.start();
  await plant.settled();
  expect(await redis.hgetall("mill:orders_1m")).toEqual({ [`北京:${startMs}`]: "12" });
  expect(await redis.hgetall(`mill:orders_1m:北京:${startMs}`)).toEqual({
    generation: "1",
    revision: "1",
    state: "provisional",
    window: "orders_1m",
    metric: "orders",
    "label.region": "北京",
    startMs: String(startMs),
    endMs: String(startMs + MINUTE_MS),
    updatedAtMs: "1700000000000",
    count: "12",
    sum: "0.1",
    p99: "1e+21",
    top: '[{"input":3,"count":2,"errorMax":0}]',
    agentsExpected: "2",
    agentsReporting: "1",
    agentsMissing: '["alpha-1"]',
    sitesExpected: "2",
    sitesReporting: "1",
    sitesMissing: '["alpha"]',
    uncertain: "1",
    bad: "2",
    undeduplicated: "3",
  });
  expect(await redis.zrange("mill:orders_1m:index", 0, -1, "WITHSCORES")).toEqual([
    `北京:${startMs}`,
    String(startMs + MINUTE_MS),
  ]);
  expect(await redis.hkeys("mill:machines")).toEqual([`a%3Ab:50%25:${startMs}`]);
  expect(await redis.hgetall("mill:all")).toEqual({ [`all:${startMs}`]: "3", [`all:${startMs + 1}`]: "4" });
  // A field that a later revision lacks goes; a session that has merged into another is counted there.
  plant.publish(
    windowOf({ startMs, revision: 2, values: { count: 13 } }),
    windowOf({
      startMs: startMs + 1,
      window: "all",
      group: {},
      revision: 2,
      values: {},
      mergedIntoMs: startMs,
    }),
  );
  await plant.settled();
  expect(await redis.hmget(`mill:orders_1m:北京:${startMs}`, "count", "p99", "top")).toEqual([
    "13",
    null,
    null,
  ]);
  expect(await redis.hgetall("mill:all")).toEqual({ [`all:${startMs}`]: "3" });
  expect(await redis.hget(`mill:all:all:${startMs + 1}`, "mergedIntoMs")).toBe(String(startMs));
});

test("an old write never overwrites a newer one: by revision, and by generation", async ({ skip }) => {
  const works = new Works();
  const server = await RedisWorks.start(works);
  if (server === undefined) return skip(SKIPPED);
  const redis = server.client();
  const startMs = Date.now() - 10 * MINUTE_MS;
  const key = `order_monitor:北京:${startMs}`;
  const older = new Plant(works, { url: server.url }, { generation: 7 });
  await older.sink.open();
  const write = (plant: Plant, revision: number, count: number) =>
    plant.sink.write([windowOf({ startMs, revision, values: { count } })]);
  expect(await write(older, 5, 50)).toEqual({ taken: 1 });
  expect(await write(older, 4, 40)).toEqual({ taken: 0 });
  expect(await redis.hmget(key, "revision", "count")).toEqual(["5", "50"]);
  // An equal one rewrites.
  expect(await write(older, 5, 51)).toEqual({ taken: 1 });
  const newer = new Plant(works, { url: server.url }, { generation: 8 });
  expect(await newer.sink.open()).toEqual({ holdsAll: false });
  expect(await write(newer, 1, 10)).toEqual({ taken: 1 });
  await expect(write(older, 9, 90)).rejects.toMatchObject({ code: "sink_fenced" });
  await expect(older.sink.prune(Date.now())).rejects.toMatchObject({ code: "sink_fenced" });
  await expect(older.sink.open()).rejects.toThrow("a later central (generation 8) writes there");
  expect(await redis.hmget(key, "generation", "revision", "count")).toEqual(["8", "1", "10"]);
  expect(await redis.hgetall("order_monitor")).toEqual({ [`北京:${startMs}`]: "10" });
  await newer.sink.open();
  expect(await newer.sink.open()).toEqual({ holdsAll: true });
});

test("what is past the retention goes from all three, by the index", async ({ skip }) => {
  const works = new Works();
  const server = await RedisWorks.start(works);
  if (server === undefined) return skip(SKIPPED);
  const redis = server.client();
  const plant = new Plant(works, { url: server.url });
  await plant.sink.open();
  const startMs = Date.now() - 60 * MINUTE_MS;
  const results = Array.from({ length: 1_200 }, (_, index) => windowOf({ startMs: startMs + index }));
  await plant.sink.write(results);
  const endedBeforeMs = startMs + 1_100 + MINUTE_MS;
  expect(await plant.sink.prune(endedBeforeMs)).toEqual({ hasMore: true });
  expect(await plant.sink.prune(endedBeforeMs)).toEqual({ hasMore: true });
  expect(await plant.sink.prune(endedBeforeMs)).toEqual({ hasMore: false });
  expect(await redis.hlen("order_monitor")).toBe(100);
  expect(await redis.zcard("order_monitor:index")).toBe(100);
  expect(await redis.dbsize()).toBe(103);
});

test.for([true, false])(
  "an index that is gone, or lacks windows, while central runs is noticed, and they are all written again (counts: %s)",
  async (hasCounts, { skip }) => {
    const works = new Works();
    const server = await RedisWorks.start(works);
    if (server === undefined) return skip(SKIPPED);
    const redis = server.client();
    const { sink } = new Plant(works, { url: server.url });
    const startMs = Date.now() - 60 * MINUTE_MS;
    const values: Record<string, number> = hasCounts ? { count: 1 } : { sum: 1 };
    const results = Array.from({ length: 20 }, (_, index) => windowOf({ startMs: startMs + index, values }));
    const look = () => sink.prune(startMs);
    await sink.open();
    await sink.write(results);
    expect(await look()).toEqual({ hasMore: false });
    await redis.del("order_monitor:index");
    await sink.write(results.slice(0, 2));
    await expect(look()).rejects.toMatchObject({ code: "redis_emptied" });
    expect(await sink.open()).toEqual({ holdsAll: false });
    // One has ended too long ago meanwhile, and is not written again: that is not noticed for ever.
    await sink.write(results.slice(0, 10));
    expect(await look()).toEqual({ hasMore: false });
    await sink.write(results.slice(0, 19));
    for (let times = 0; times < 2; times += 1) expect(await look()).toEqual({ hasMore: false });
    expect(await sink.open()).toEqual({ holdsAll: true });
    expect(await redis.zcard("order_monitor:index")).toBe(19);
    // What is pruned is no loss.
    expect(await sink.prune(startMs + 10 + MINUTE_MS)).toEqual({ hasMore: false });
    expect(await look()).toEqual({ hasMore: false });
    await redis.zremrangebyrank("order_monitor:index", 0, 0);
    await expect(look()).rejects.toMatchObject({ code: "redis_emptied" });
  },
);

test.for([true, false])(
  "kill -9 of Redis in the middle of a stream of revisions (persistent: %s): it ends up with the truth",
  { timeout: 240_000 },
  async (isPersistent, { skip }) => {
    console.log(`MILLRACE_SEED=${SEED}`);
    const works = new Works();
    const server = await RedisWorks.start(works, { isPersistent, settings: ["appendfsync everysec"] });
    if (server === undefined) return skip(SKIPPED);
    const plant = new Plant(works, { url: server.url });
    plant.runner.start();
    await plant.stream(20_000, async () => {
      await server.server.kill();
      await plant.troubled("redis_unreachable");
      await server.server.start();
    });
    await expectTruth(plant, server.client());
    expect(plant.runner.view.rebuilds).toBeGreaterThan(1);
  },
);

test(
  "flushed in the middle: all is written again from the history",
  { timeout: 240_000 },
  async ({ skip }) => {
    const works = new Works();
    const server = await RedisWorks.start(works);
    if (server === undefined) return skip(SKIPPED);
    const redis = server.client();
    const plant = new Plant(works, { url: server.url });
    plant.runner.start();
    await plant.stream(10_000, () => redis.flushall());
    plant.revise();
    await until("it has noticed", () => plant.runner.view.rebuilds > 1);
    await expectTruth(plant, redis);
  },
);

test(
  "out of memory, a replica, and loading: it says which, waits, and catches up",
  { timeout: 240_000 },
  async ({ skip }) => {
    const works = new Works();
    const settings = ["maxmemory-policy noeviction", "key-load-delay 10000"];
    const server = await RedisWorks.start(works, { isPersistent: true, settings });
    if (server === undefined) return skip(SKIPPED);
    const redis = server.client();
    const plant = new Plant(works, { url: server.url });
    plant.runner.start();
    await plant.stream(2_000, () => redis.config("SET", "maxmemory", "1"));
    plant.revise();
    await plant.troubled("redis_out_of_memory");
    await redis.config("SET", "maxmemory", "0");
    await expectTruth(plant, redis);
    await plant.saidUp(1);
    // Another program has taken one of its keys.
    await redis.rename("order_monitor", "aside");
    await redis.set("order_monitor", "somebody else's");
    plant.revise();
    await plant.troubled("redis_rejected");
    await redis.rename("aside", "order_monitor");
    await expectTruth(plant, redis);
    await plant.saidUp(2);
    await redis.replicaof("127.0.0.1", 1);
    plant.revise();
    await plant.troubled("redis_readonly");
    await redis.replicaof("NO", "ONE");
    await expectTruth(plant, redis);
    await plant.saidUp(3);
    // It rewrites its file as a snapshot, whose keys it loads slowly.
    await redis.bgrewriteaof();
    await until("it is rewritten", async () =>
      (await redis.info("persistence")).includes("aof_rewrite_in_progress:0"),
    );
    await server.server.kill();
    const starting = server.server.start();
    plant.revise();
    await plant.troubled("redis_loading");
    await starting;
    await expectTruth(plant, redis);
    await plant.saidUp(4);
  },
);

test(
  "with a wrong password, too few rights and then the right ones: an ACL user over TLS",
  { timeout: 240_000 },
  async ({ skip }) => {
    const works = new Works();
    const { authority, serverCertificate, serverKey } = TEST_CERTIFICATES;
    const tlsPort = await works.freePort();
    const server = await RedisWorks.start(works, {
      settings: [
        `tls-port ${tlsPort}`,
        `tls-cert-file ${works.write("server.pem", serverCertificate)}`,
        `tls-key-file ${works.write("server.key", serverKey)}`,
        `tls-ca-cert-file ${works.write("ca.pem", authority)}`,
        "tls-auth-clients no",
        "user default on >root ~* &* +@all",
        // As docs/operations.md has it.
        "user central on >right ~order_monitor* resetchannels -@all +@read +@write +@scripting +@connection +info",
        "user weak on >right ~other* -@all +@connection +info",
      ],
    });
    if (server === undefined) return skip(SKIPPED);
    const redis = server.client({ password: "root" });
    const tls = { ca: authority, cert: null, key: null };
    const url = `rediss://127.0.0.1:${tlsPort}`;
    for (const [login, code, text] of [
      [{ username: "central", password: "wrong" }, "redis_refused", "WRONGPASS"],
      [{ username: null, password: null }, "redis_refused", "NOAUTH"],
      [{ username: "weak", password: "right" }, "redis_refused", "NOPERM"],
      [{ username: "central", password: "right", tls: null }, "redis_unreachable", "certificate"],
    ] as const) {
      const plant = new Plant(works, { url, tls, ...login });
      await expect(plant.sink.open()).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
      plant.sink.close();
    }
    const plant = new Plant(works, { url, tls, username: "central", password: "right" });
    plant.runner.start();
    for (let made = 0; made < 1_000; made += 1) plant.revise();
    await expectTruth(plant, redis);
  },
);

test("a Redis that stands still holds nobody up, and is given up", { timeout: 240_000 }, async ({ skip }) => {
  const works = new Works();
  const server = await RedisWorks.start(works);
  if (server === undefined) return skip(SKIPPED);
  const plant = new Plant(works, { url: server.url });
  plant.runner.start();
  await plant.settled();
  server.server.pause();
  for (let made = 0; made < 5_000; made += 1) plant.revise();
  expect(plant.runner.view.waiting).toBeLessThanOrEqual(240);
  await until("it is given up", () => plant.runner.view.code === "redis_unreachable");
  server.server.resume();
  await expectTruth(plant, server.client());
});
