// The agent's core on a store in memory and a link made of calls: what it acknowledges, refuses, keeps and sends.
import { type AgentConfig, loadPipeline } from "@millrace/config";
import { type MemorySnapshot, MemoryStore, type Store } from "@millrace/queue";
import { Metrics, MillraceError, silentLogger, zstdCompression } from "@millrace/runtime";
import { LANES } from "@millrace/stream";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import {
  type AgentRequest,
  type AlarmEvent,
  decodeAlarmBatch,
  decodeEvidencePart,
  decodePaneBatch,
  decodeSkippedBatch,
  encodeMessage,
  type Heartbeat,
  openBatch,
  parseHeartbeat,
  parseHello,
  type SealedBatch,
  unpackBody,
  type UplinkHandlers,
  type UplinkTransport,
} from "@millrace/wire";
import { beforeAll, describe, expect, it } from "vitest";
import { TEST_AGENT_CONFIG } from "./agent-config.test-support.ts";
import { Agent } from "./agent.ts";
import type { AgentStatus } from "./status/agent-status.ts";
import { checkpointKey, numberKey, numberOfKey, PREFIX, prefixRange } from "./durability/agent-store.ts";
import { parseRedoEntry } from "./durability/redo-entry.ts";

const START_MS = Date.UTC(2026, 0, 5, 8);
const DAY_MS = 86_400_000;
const PIPELINE = `
version: 1
metrics:
  temperature:
    unit: °C
    from: { topic: "factory/{site}/{machine}/temperature", json: { value: $.t, time: { path: $.ts, unit: ms } } }
    accumulate: [count, sum, min, max]
    live: true
  level:
    unit: m
    from: { topic: "factory/{site}/{machine}/level", number: {} }
    accumulate: [count]
windows:
  temperature_10s: { metric: temperature, size: 10s, by: [site] }
  level_10s: { metric: level, size: 10s, by: [site] }
rules:
  overheating:
    metric: temperature
    when: { above: 80, clearBelow: 75 }
    severity: 900
    action: { publish: "factory/{site}/{machine}/command", payload: STOP, armed: true }
`;

/** Central, as far as one agent sees it: records, and answers when asked to. */
class ScriptedCentral implements UplinkTransport {
  readonly batches: SealedBatch[] = [];
  readonly heartbeats: Heartbeat[] = [];
  readonly hellos: number[] = [];
  refusedCount = 0;
  epoch = 1;
  isReachable = true;
  isEchoing = true;
  bufferedBytes = 0;
  marks = { alarm: 0, live: 0, backfill: 0, evidence: 0 };
  /** False: a central from before evidence. */
  takesEvidence = true;
  /** False: a central that wants the status with each heartbeat. */
  keepsStatus = false;
  clockMs = () => START_MS;
  requests: readonly AgentRequest[] = [];
  #handlers: UplinkHandlers | undefined;

  connect(handlers: UplinkHandlers): void {
    this.#handlers = handlers;
    queueMicrotask(() => (this.isReachable ? handlers.opened() : handlers.closed("unreachable")));
  }

  send(topic: "hello" | "batch" | "heartbeat", payload: Uint8Array): boolean {
    if (topic === "hello") {
      const hello = parseHello(payload);
      if (hello.ok) this.hellos.push(hello.message.epoch);
      this.#answer("welcome", {
        type: "welcome",
        epoch: this.epoch,
        wireVersion: 1,
        marks: this.takesEvidence ? this.marks : { ...this.marks, evidence: undefined },
        clockMs: this.clockMs(),
        keepsStatus: this.keepsStatus || undefined,
      });
    } else if (topic === "batch") {
      const opened = openBatch(payload);
      if (opened.ok) this.batches.push(opened.batch);
      else this.refusedCount += 1;
    } else {
      const heartbeat = parseHeartbeat(payload);
      if (heartbeat.ok) {
        this.heartbeats.push(heartbeat.message);
        if (this.isEchoing)
          this.#answer("echo", {
            beat: heartbeat.message.beat,
            clockMs: this.clockMs(),
            requests: this.requests,
          });
      }
    }
    return true;
  }

  /** Acknowledges everything received, or that many more batches of each lane. */
  acknowledge(batchCount = Number.POSITIVE_INFINITY): void {
    const marksMax = Object.fromEntries(LANES.map((lane) => [lane, this.marks[lane] + batchCount]));
    for (const { lane, sequence, kind, body } of this.batches) {
      const skipped = kind === "skipped" ? decodeSkippedBatch(body) : undefined;
      const mark = skipped?.ok === true ? skipped.message.to : sequence;
      if (sequence <= marksMax[lane]) this.marks[lane] = Math.max(this.marks[lane], mark);
    }
    for (const lane of LANES) this.#answer("ack", { lane, mark: this.marks[lane] });
  }

  hangUp(): void {
    this.#handlers?.closed("hung up");
  }

  close(): void {}

  #answer(topic: "welcome" | "ack" | "echo", message: Parameters<typeof encodeMessage>[0]): void {
    const handlers = this.#handlers;
    queueMicrotask(() => handlers?.message(topic, encodeMessage(message)));
  }
}

interface BenchOptions {
  readonly store?: Store;
  readonly hasLostCommits?: boolean;
  readonly startMs?: number;
  /** How far the agent's wall clock is ahead of the sensors'. */
  readonly offsetMs?: number;
  readonly bytesMax?: number;
  readonly seriesPerMetricMax?: number;
  readonly heldReadingsMax?: number;
  /** The uplink is one over Kafka: nobody tells the time. */
  readonly isKafka?: boolean;
  readonly payloadBytesMax?: number;
  readonly pipeline?: string;
  readonly freeBytes?: () => number;
  readonly liveIntervalMs?: number;
  readonly recorder?: AgentConfig["recorder"];
  failedForGood?(): void;
}

const KAFKA = { brokers: ["kafka:9092"], topic: "uplink", clientId: "alpha-1", tls: null, sasl: null };

async function bench(options: BenchOptions = {}) {
  const time = new SimulatedTime(options.startMs ?? START_MS);
  const wall = { offsetMs: options.offsetMs ?? 0 };
  const central = new ScriptedCentral();
  const commands: { topic: string; payload: string }[] = [];
  const store = options.store ?? new MemoryStore();
  const agent = await Agent.open({
    config: {
      ...config,
      recorder: options.recorder ?? config.recorder,
      uplink: { ...config.uplink, kafka: options.isKafka === true ? KAFKA : null },
      commit: { ...config.commit, liveIntervalMs: options.liveIntervalMs ?? config.commit.liveIntervalMs },
      outbox: { ...config.outbox, bytesMax: options.bytesMax ?? config.outbox.bytesMax },
      limits: {
        ...config.limits,
        seriesPerMetricMax: options.seriesPerMetricMax ?? config.limits.seriesPerMetricMax,
        heldReadingsMax: options.heldReadingsMax ?? config.limits.heldReadingsMax,
        payloadBytesMax: options.payloadBytesMax ?? config.limits.payloadBytesMax,
      },
    },
    pipeline: loadPipeline("/pipeline.yaml", { readFile: () => options.pipeline ?? PIPELINE }).config,
    store,
    hasLostCommits: options.hasLostCommits ?? false,
    freeBytes: () => options.freeBytes?.() ?? null,
    clock: time.clock({ offsetMs: () => wall.offsetMs }),
    random: new SeededRandom(1),
    log: silentLogger,
    metrics: new Metrics(),
    compression: zstdCompression,
    transport: central,
    instance: "test",
    program: "test",
    unavailableSensors: () => ({}),
    failedForGood: () => options.failedForGood?.(),
    publish: (topic, payload) => {
      commands.push({ topic, payload });
      return Promise.resolve();
    },
  });
  const publish = (topic: string, payload: string, isRetained = false, isFresh = false, qos: 0 | 1 = 1) =>
    agent.receive({
      topic,
      payload: new TextEncoder().encode(payload),
      isRetained,
      isFresh,
      isOversized: false,
      qos,
      client: "sensor",
      arrivedMonotonicMs: time.nowMs,
    });
  const temperature = (t: number, ts = time.nowMs, isRetained = false) =>
    publish("factory/alpha/m1/temperature", JSON.stringify({ t, ts }), isRetained);
  const answer = (state: string, { isFresh }: { readonly isFresh: boolean }) =>
    void publish("factory/alpha/m1/state", state, true, isFresh);
  return { agent, time, wall, central, commands, store, publish, temperature, answer };
}

const config: AgentConfig = {
  ...TEST_AGENT_CONFIG,
  limits: { ...TEST_AGENT_CONFIG.limits, seriesPerMetricMax: 2 },
};

describe("what is no payload", () => {
  it("is kept in the quarantine, two a second, over a restart, and counts as no reading", async () => {
    const { agent, time, store } = await bench();
    agent.start();
    const head = new TextEncoder().encode("GET / HTTP/1.1");
    const junk = {
      reason: "malformed_packets",
      topic: "",
      client: "10.0.0.9",
      detail: "no MQTT",
      head,
    } as const;
    for (let count = 0; count < 100; count += 1) agent.setAside({ ...junk, bytes: head.length });
    await time.run(2_000);
    agent.setAside({ ...junk, bytes: head.length });
    await time.run(2_000);
    const { quarantineCount, quarantine, ledger } = agent.status();
    expect(quarantineCount).toBe(3);
    expect(ledger.received).toBe(0);
    expect(quarantine[0]).toMatchObject({ reason: "malformed_packets", client: "10.0.0.9" });
    expect(Buffer.from(quarantine[0].head, "base64").toString()).toBe("GET / HTTP/1.1");
    await agent.stop(0);
    expect((await bench({ store })).agent.status().quarantineCount).toBe(3);
  });
});

describe("what inputs other than MQTT rely on", () => {
  it("why a payload was rejected is told once that is durable, with QoS 0 at once", async () => {
    const { agent, time, publish, temperature } = await bench();
    agent.start();
    await time.run(100);
    let told: unknown = "nothing";
    void publish("factory/alpha/m1/temperature", "junk")?.then((rejection) => (told = rejection));
    expect(told).toBe("nothing");
    await time.run(100);
    expect(told).toMatchObject({ reason: "malformed" });
    expect(await time.during(temperature(20) ?? Promise.reject(new Error("not waited for")))).toBeUndefined();
    expect(await publish("nowhere", "1", false, false, 0)).toMatchObject({ reason: "unknown_topic" });
    expect(publish("factory/alpha/m1/level", "1", false, false, 0)).toBeUndefined();
    const malformed = agent.receive({
      topic: "factory/alpha/m1/level",
      payload: new TextEncoder().encode("5"),
      isRetained: false,
      isOversized: false,
      malformed: "three cells",
      qos: 0,
      client: "files",
      arrivedMonotonicMs: time.nowMs,
    });
    expect(await malformed).toEqual({ reason: "malformed", detail: "three cells" });
  });

  it("a file's position is durable with the lines before it or not at all, whichever operation is the last", async () => {
    const position = (offset: number) => ({
      source: "x.log",
      path: "x.log",
      file: "1:1",
      offset,
      isSkipping: false,
      head: { bytes: 0, hash: "" },
      tail: { bytes: 0, hash: "" },
    });
    const offsets = new Set<number>();
    for (let crashAtMs = 0; crashAtMs < 3_000; crashAtMs += 37) {
      const store = new MemoryStore({ random: new SeededRandom(crashAtMs) });
      const { agent, time, publish } = await bench({ store });
      agent.start();
      let offset = 0;
      for (let atMs = 0; atMs <= crashAtMs; atMs += 37) {
        void publish("factory/alpha/m1/level", "1", false, false, 0);
        offset += 1;
        void agent.filePositions.save(new Map([[7, position(offset)]]), { isUrgent: offset % 5 === 0 });
        await time.run(37);
      }
      const after = await bench({ store: store.crash() });
      const stored = (await after.agent.filePositions.read()).get(7)?.offset ?? 0;
      expect(after.agent.status().ledger.received).toBe(stored);
      offsets.add(stored);
    }
    expect(offsets.size).toBeGreaterThan(10);
  });

  it("says that the store takes no writes, until it does again", async () => {
    const store = new MemoryStore();
    const { agent, time, temperature } = await bench({ store });
    agent.start();
    await time.run(100);
    expect([agent.storeFailure, agent.filePositions.failure()]).toEqual([null, null]);
    store.failNextCommits(3);
    void temperature(20);
    await time.run(50);
    expect(agent.storeFailure).toContain("injected failure");
    expect(agent.filePositions.failure()).toBe(agent.storeFailure);
    await time.run(5_000);
    expect(agent.storeFailure).toBeNull();
  });

  it("a slow store holds files back before memory takes no more, and the gateway's own sensors count as rejected", async () => {
    const gate = Promise.withResolvers<void>();
    let isHeld = false;
    const store = new MemoryStore({
      delay: async (operation) => {
        if (isHeld && operation === "commit") await gate.promise;
      },
    });
    const pipeline = PIPELINE.replace("windows:", "  load: { unit: '1', from: { host: load } }\nwindows:");
    const { agent, time, publish } = await bench({ store, pipeline });
    agent.start();
    await time.run(100);
    isHeld = true;
    const send = (count: number) => {
      for (let at = 0; at < count; at += 1)
        publish("factory/alpha/m1/level", "1", false, false, 0)?.catch(() => undefined);
    };
    send(10);
    await time.run(100);
    expect(agent.filePositions.failure()).toBeNull();
    send(125_000);
    expect([agent.storeFailure, agent.filePositions.failure()]).toEqual([
      null,
      expect.stringContaining("slow"),
    ]);
    send(125_000);
    agent.receiveHost({ sensor: "load", labels: {}, value: 1, timeMs: time.nowMs });
    expect(agent.status().ledger.rejected.no_room).toBe(1);
    gate.resolve();
    await time.run(1_000);
    expect(agent.filePositions.failure()).toBeNull();
  });
});

describe("acknowledgements", () => {
  it("come at once while they are seldom; in a lasting stream of few readings they share commits, with many they do not wait", async () => {
    const store = new MemoryStore();
    const { agent, time, temperature } = await bench({ store });
    agent.start();
    await time.run(1_000);
    const answer = async (value: number) => {
      const sinceMs = time.nowMs;
      await time.during(temperature(value) ?? Promise.reject(new Error("not waited for")));
      return time.nowMs - sinceMs;
    };
    expect(await answer(20)).toBeLessThan(10);
    // A reading each 5 ms, of which the first few hundred still come at once.
    const stream = async (forMs: number) => {
      const from = store.commitCount;
      for (let atMs = 0; atMs < forMs; atMs += 5) {
        void temperature(20 + (atMs % 100) / 10);
        await time.run(5);
      }
      return store.commitCount - from;
    };
    await stream(5_000);
    expect(await stream(10_000)).toBeLessThan((10_000 / config.commit.ackIntervalMs) * 1.3);
    const waitedMs: number[] = [];
    for (let round = 0; round < 20; round += 1) waitedMs.push(await answer(20 + round / 100));
    expect(Math.max(...waitedMs)).toBeGreaterThan(10);
    expect(Math.max(...waitedMs)).toBeLessThanOrEqual(config.commit.ackIntervalMs + 5);
    // More than a page of them.
    const sinceMs = time.nowMs;
    for (let number = 0; number < 2_000; number += 1) void temperature(20 + number / 1_000);
    await time.during(temperature(30) ?? Promise.reject(new Error("not waited for")));
    expect(time.nowMs - sinceMs).toBeLessThan(10);
  });
});

describe("what central asks for", () => {
  it("is carried out once and answered until central has heard; the audit trail says who asked", async () => {
    const { agent, time, central, store, temperature } = await bench();
    agent.start();
    await time.run(100);
    void temperature(90);
    await time.run(100);
    const [{ id }] = agent.status().alarms;
    const ask = async (request: string, alarm: string, kind = "reset_alarm") => {
      central.requests = [{ id: request, kind, alarm, by: "page" }];
      await time.run(2_500);
      return central.heartbeats.at(-1)?.answers;
    };
    expect(await ask("one", id)).toEqual([{ id: "one", outcome: "condition_holds" }]);
    void temperature(70);
    await time.run(100);
    expect(await ask("two", "another")).toEqual([{ id: "two", outcome: "no_such_alarm" }]);
    expect(await ask("three", id, "open_the_gate")).toEqual([{ id: "three", outcome: "not_understood" }]);
    expect(agent.status().alarms).toHaveLength(1);
    expect(await ask("four", id)).toEqual([{ id: "four", outcome: "done" }]);
    expect(agent.status().alarms).toEqual([]);
    expect(alarmsOf(central).at(-1)).toMatchObject({ id, isActive: false, by: "central: page" });
    central.requests = [];
    await time.run(2_500);
    expect(central.heartbeats.at(-1)?.answers).toBeUndefined();
    const audits: unknown[] = [];
    for await (const { value } of store.range(prefixRange(PREFIX.audit)))
      audits.push(JSON.parse(new TextDecoder().decode(value)));
    expect(audits.at(-1)).toMatchObject({ by: "central: page", id, isLatched: false });
    expect(audits.slice(0, -1).filter((audit) => JSON.stringify(audit).includes("page"))).toEqual([]);
  });
});

describe("what comes in", () => {
  it("is acknowledged once durable, and survives a power cut before it was sent", async () => {
    const store = new MemoryStore();
    const first = await bench({ store });
    first.central.isReachable = false;
    first.agent.start();
    const durable = first.temperature(50);
    await first.time.run(10);
    await durable;
    const second = await bench({ store: store.crash() });
    const { received, open, queued, pending } = second.agent.status().ledger;
    expect({ received, kept: open + queued, pending }).toEqual({ received: 1, kept: 1, pending: 0 });
  });

  it("with QoS 0 is on disk after a second: a crash loses what came since", async () => {
    const store = new MemoryStore();
    const first = await bench({ store });
    first.agent.start();
    await first.time.run(5_000);
    const publish = (value: number) =>
      first.publish("factory/alpha/m1/level", String(value), false, false, 0);
    void publish(1);
    await first.time.run(1_000);
    void publish(2);
    const second = await bench({ store: store.crash() });
    expect(second.agent.status().ledger).toMatchObject({ received: 1, aggregated: 1 });
  });

  it("is refused by reason, counted, and set aside with its first bytes", async () => {
    const { agent, time, publish, temperature } = await bench();
    agent.start();
    void publish("factory/alpha/m1/temperature", "junk");
    void publish("factory/alpha/m1/temperature", "x".repeat(300));
    void publish("factory/alpha/m1/nothing", "1");
    void publish("factory/beta/m1/temperature", '{"t":1,"ts":1}');
    void publish(`factory/alpha/${"m".repeat(300)}/temperature`, '{"t":1,"ts":1}');
    void temperature(50, time.nowMs + 60_000);
    void temperature(50, 0);
    for (const machine of ["a", "b", "c"]) void publish(`factory/alpha/${machine}/level`, "1");
    await time.run(100);
    const { ledger, quarantine } = agent.status();
    expect(ledger.rejected).toMatchObject({
      malformed: 1,
      oversized: 2,
      unknown_topic: 1,
      wrong_site: 1,
      future: 1,
      before_floor: 1,
      series_cap: 1,
    });
    expect(ledger.received).toBe(10);
    expect(ledger.aggregated).toBe(2);
    expect(Buffer.from(quarantine[0]?.head ?? "", "base64").toString()).toBe("junk");
    expect(agent.status().quarantineCount).toBe(quarantine.length);
    expect(quarantine.find(({ reason }) => reason === "future")?.detail).toContain("60.0 s ahead of");
  });

  it("counts once when it comes twice, also over a restart", async () => {
    const store = new MemoryStore();
    const first = await bench({ store });
    first.agent.start();
    void first.temperature(50, START_MS);
    await first.time.run(2_000);
    const second = await bench({ store: store.crash() });
    second.agent.start();
    void second.temperature(50, START_MS);
    await second.time.run(100);
    expect(second.agent.status().ledger).toMatchObject({ received: 2, aggregated: 1, duplicate: 1 });
  });

  it("says which series holds the watermark, and how long still", async () => {
    const { agent, time, publish } = await bench();
    agent.start();
    expect(agent.status().watermarkHeldBy).toBeNull();
    void publish("factory/alpha/m1/level", "1");
    await time.run(10_000);
    void publish("factory/alpha/m2/level", "1");
    expect(agent.status().watermarkHeldBy).toEqual({
      metric: "level",
      labels: { site: "alpha", machine: "m1" },
      idleInMs: 20_000,
    });
  });

  it("a reading from the future moves no watermark", async () => {
    const { agent, time, temperature } = await bench();
    agent.start();
    void temperature(50, START_MS);
    await time.run(1_000);
    const before = agent.status().watermarkMs;
    void temperature(50, START_MS + 3_600_000);
    await time.run(1_000);
    expect(agent.status().watermarkMs).toBe(before);
  });
});

describe("a payload of many readings", () => {
  const MANY = `
version: 1
metrics:
  oven:
    unit: °C
    from:
      topic: "factory/{line}/oven"
      json: { each: $.readings, value: $.f, time: { path: $.ts, unit: ms }, labels: { machine: $.m, site: $.site } }
      convert: { from: °F }
    accumulate: [count, sum]
  power:
    unit: W
    from: { topic: "factory/{line}/oven", json: { value: $.kw }, scale: 1000 }
    accumulate: [count]
  weight:
    unit: kg
    from: { topic: "factory/{line}/scale", csv: { value: kg, time: { column: t, unit: s }, labels: { machine: id } } }
    accumulate: [count]
  voltage:
    unit: V
    from: { topic: "factory/{line}/senml", senml: { name: "dev:{machine}:voltage" } }
    accumulate: [count]
  idle:
    unit: "%"
    from: { topic: telegraf, influx: { measurement: cpu, field: usage_idle, labels: { machine: host } } }
    accumulate: [count]
windows:
  oven_10s: { metric: oven, size: 10s, by: [machine] }
  power_10s: { metric: power, size: 10s }
  weight_10s: { metric: weight, size: 10s }
  voltage_10s: { metric: voltage, size: 10s }
  idle_10s: { metric: idle, size: 10s, by: [machine] }
rules:
  overheating:
    metric: oven
    when: { above: 80 }
    severity: 900
    action: { publish: "{site}/{line}/{machine}/command", payload: STOP, armed: true }
`;
  const many = (options: BenchOptions = {}) =>
    bench({ pipeline: MANY, payloadBytesMax: 10_000, seriesPerMetricMax: 10, ...options });
  const ovens = (...readings: readonly object[]) =>
    JSON.stringify({ kw: 2.5, site: "alpha", ts: START_MS, readings });

  it("is acknowledged once all are durable or counted; one that is bad costs no other", async () => {
    const store = new MemoryStore();
    const first = await many({ store });
    first.agent.start();
    await first.time.run(10);
    first.central.isReachable = false;
    first.central.hangUp();
    const durable = first.publish(
      "factory/line-1/oven",
      ovens(
        { m: "a", f: 100 },
        { m: "b", f: "hot" },
        { m: "b", f: null },
        { m: "b", f: 100, site: "beta" },
        { m: "b", f: 100, ts: START_MS + 60_000 },
        { m: "x".repeat(300), f: 100 },
        { m: "b", f: 110 },
        { m: "b", f: 110 },
      ),
    );
    await first.time.run(10);
    await durable;
    const second = await many({ store: store.crash() });
    const { ledger } = second.agent.status();
    expect(ledger).toMatchObject({ received: 9, aggregated: 3, duplicate: 1, pending: 0 });
    expect(ledger.rejected).toMatchObject({ malformed: 2, wrong_site: 1, future: 1, oversized: 1 });
    expect(second.agent.status().series).toEqual({ oven: 2, power: 1 });
    const { quarantine } = first.agent.status();
    expect(quarantine.map(({ reason }) => reason).toSorted()).toEqual([
      "future",
      "malformed",
      "oversized",
      "wrong_site",
    ]);
    expect(quarantine.find(({ reason }) => reason === "malformed")?.detail).toBe(
      "oven: element 2 of $.readings: no number at $.f: hot (and 1 more)",
    );
  });

  it("acts on what was converted, with labels of topic and payload", async () => {
    const { agent, time, commands, publish } = await many();
    agent.start();
    void publish("factory/line-1/oven", ovens({ m: "a", f: 175 }, { m: "b", f: 177 }, { m: "c", f: 80 }));
    await time.run(10);
    expect(commands.map(({ topic }) => topic)).toEqual(["alpha/line-1/b/command"]);
    const [{ value }] = agent.status().alarms;
    expect(value).toBeCloseTo((177 - 32) / 1.8, 12);
  });

  it("is told once where no metric can read it, and where it has nothing for any", async () => {
    const { agent, time, publish } = await many();
    agent.start();
    void publish("factory/line-1/oven", "{");
    void publish("telegraf", "mem,host=gw used=1i");
    void publish("telegraf", "mem,host=gw used=");
    await time.run(100);
    expect(agent.status().ledger).toMatchObject({ received: 3, rejected: { malformed: 2, no_reading: 1 } });
    expect(agent.status().quarantine.map(({ detail }) => detail)).toEqual([
      "not JSON: {",
      "no reading of idle is in it",
      "line 1: field used has no value: mem,host=gw used=",
    ]);
  });

  it("may be CSV, SenML or line protocol", async () => {
    const { agent, time, publish } = await many();
    agent.start();
    const s = START_MS / 1000;
    void publish("factory/line-1/scale", `t,id,kg\n${s},m1,1.5\n${s},m2,2.5\n${s},m2,heavy\n${s},m2,2.5\n`);
    const pack = [
      { bn: "dev:m1:", bt: s, n: "voltage", v: 230 },
      { n: "current", v: 1 },
      { n: "voltage", t: -1, v: 1 },
    ];
    void publish("factory/line-1/senml", JSON.stringify(pack));
    const ns = `${START_MS}000000`;
    void publish(
      "telegraf",
      `cpu,host=a usage_idle=97.5 ${ns}\ncpu,host=b usage_idle=9i ${ns}\ncpu usage_idle\n`,
    );
    await time.run(100);
    const { ledger, series } = agent.status();
    expect(series).toEqual({ weight: 2, voltage: 1, idle: 2 });
    expect(ledger).toMatchObject({ received: 9, aggregated: 6, duplicate: 1, rejected: { malformed: 2 } });
  });

  it("when memory and disk take no more meets the rules, counts nothing, and is to be sent again", async () => {
    const store = new MemoryStore();
    const { agent, time, commands, publish } = await many({ store, payloadBytesMax: 1_000_000 });
    agent.start();
    store.failNextCommits(1_000);
    const flood = ovens(...Array.from({ length: 10_000 }, (_, index) => ({ m: "a", f: 1 + index / 1e6 })));
    void publish("factory/line-1/oven", flood);
    await time.run(100);
    for (let count = 0; count < 25; count += 1)
      void publish("factory/line-1/oven", flood.replace(":1.", `:${count}.`));
    const { received } = agent.status().ledger;
    expect(received).toBeGreaterThan(250_000);
    const refused = publish("factory/line-1/oven", ovens({ m: "b" }, { m: "b", f: 177 }));
    await expect(refused).rejects.toThrow("takes no writes");
    expect(commands.map(({ topic }) => topic)).toEqual(["alpha/line-1/b/command"]);
    expect(agent.status().ledger.received).toBe(received);
    expect(agent.status().quarantine).toEqual([]);
  });

  it("over the cap on series names who sent it", async () => {
    const { agent, time, publish } = await many({ seriesPerMetricMax: 2 });
    agent.start();
    for (const line of ["line-1", "line-2"])
      void publish(`factory/${line}/oven`, ovens({ m: "a", f: 1 }, { m: "b", f: 1 }, { m: "c", f: 1 }));
    await time.run(100);
    expect(agent.status().ledger.rejected.series_cap).toBe(4);
    expect(agent.status().refusedSeries).toEqual({
      oven: { count: 4, topic: "factory/line-2/oven", client: "sensor", atMs: START_MS },
    });
  });
});

describe("when a metric has as many series as it may", () => {
  const hot = (machine: string, t: number, ts: number) =>
    [`factory/alpha/${machine}/temperature`, JSON.stringify({ t, ts })] as const;

  it("a machine that was never heard is stopped all the same, over a restart too", async () => {
    const store = new MemoryStore();
    const { agent, time, commands, publish } = await bench({ store });
    agent.start();
    for (const machine of ["m1", "m2", "m3"]) void publish(...hot(machine, 20, time.nowMs));
    await time.run(100);
    expect(agent.status().ledger.rejected.series_cap).toBe(1);
    void publish(...hot("m3", 170, time.nowMs));
    expect(commands.map(({ topic }) => topic)).toEqual(["factory/alpha/m3/command"]);
    await time.run(100);
    expect(agent.status().ledger).toMatchObject({ aggregated: 3, rejected: { series_cap: 1 } });
    await agent.stop(0);

    const again = await bench({ store, startMs: time.nowMs });
    again.agent.start();
    expect(again.agent.status().alarms).toHaveLength(1);
    void again.publish(...hot("m3", 20, again.time.nowMs));
    void again.publish(...hot("m4", 20, again.time.nowMs));
    void again.publish(...hot("m4", 170, again.time.nowMs));
    expect(again.commands.map(({ topic }) => topic)).toContain("factory/alpha/m4/command");
    expect(again.agent.status().ledger.rejected.series_cap).toBe(2);
  });

  it("a higher bound takes in whoever is refused, without a restart", async () => {
    const { agent, time, publish } = await bench();
    agent.start();
    for (const machine of ["m1", "m2", "m3"]) void publish(...hot(machine, 20, time.nowMs));
    await time.run(100);
    expect(agent.status().series["temperature"]).toBe(2);
    agent.setSeriesMax(3);
    for (const machine of ["m3", "m4"]) void publish(...hot(machine, 21, time.nowMs));
    await time.run(100);
    expect(agent.status().series["temperature"]).toBe(3);
    expect(agent.status().ledger).toMatchObject({ aggregated: 3, rejected: { series_cap: 2 } });
  });

  it("those that break a limit are bounded, too", async () => {
    const { agent, time, publish } = await bench();
    agent.start();
    for (let at = 0; at < 150; at += 1) void publish(...hot(`x${at}`, 170, time.nowMs));
    await time.run(100);
    expect(agent.status().series["temperature"]).toBe(102);
    expect(agent.status().ledger.rejected.series_cap).toBe(48);
  });
});

describe("a clock that jumps while the agent runs", () => {
  it.each([
    ["an hour back", -3_600_000],
    ["to 1970", -START_MS],
  ])(
    "%s, with the link down: what sensors stamp is taken, acts, and moves no watermark back",
    async (_, offsetMs) => {
      const { agent, time, wall, central, commands, temperature } = await bench();
      central.isReachable = false;
      agent.start();
      void temperature(50, START_MS);
      await time.run(10_000);
      void temperature(51, time.nowMs);
      await time.run(1_000);
      const before = agent.status().watermarkMs;
      wall.offsetMs = offsetMs;
      await time.run(20_000);
      void temperature(90, time.nowMs);
      await time.run(1_000);
      const { ledger, clock, watermarkMs } = agent.status();
      expect(ledger).toMatchObject({ aggregated: 3, rejected: { future: 0 } });
      expect(commands).toHaveLength(1);
      expect(clock.isSynchronised).toBe(false);
      expect(watermarkMs).toBeGreaterThan(before ?? 0);
      wall.offsetMs = 0;
      void temperature(60, time.nowMs);
      await time.run(1_000);
      expect(agent.status()).toMatchObject({ clock: { isSynchronised: true }, ledger: { aggregated: 4 } });
    },
  );

  it("an hour ahead of what central has confirmed: a crossing acts, with the link down too; an old reading does not", async () => {
    const { agent, time, wall, central, commands, temperature } = await bench();
    central.clockMs = () => Math.floor(time.nowMs);
    agent.start();
    await time.run(5_000);
    for (const isReachable of [true, false]) {
      central.isReachable = isReachable;
      if (!isReachable) central.hangUp();
      wall.offsetMs = 3_600_000;
      await time.run(10_000);
      void temperature(60, time.nowMs);
      void temperature(90, time.nowMs - 6_000);
      expect(commands).toHaveLength(isReachable ? 0 : 1);
      void temperature(91, time.nowMs);
      expect(commands).toHaveLength(isReachable ? 1 : 2);
      void temperature(60, time.nowMs + 1);
      agent.resetAlarms("all", "test");
      wall.offsetMs = 0;
      await time.run(5_000);
    }
  });
});

describe("a clock that is an hour ahead, and that nobody has proven", () => {
  const HOUR_MS = 3_600_000;
  type On = Awaited<ReturnType<typeof bench>>;
  const send = ({ publish }: On, machine: string, t: number, ts: number) =>
    void publish(`factory/alpha/${machine}/temperature`, JSON.stringify({ t, ts }));
  const live = async (on: On, machines: readonly string[]) => {
    for (let second = 0; second < 12; second += 1) {
      for (const machine of machines) send(on, machine, 60, on.time.nowMs);
      await on.time.run(1_000);
    }
  };

  it("has jumped while one sensor spoke: a crossing acts at once, what is old by the sensor's clock does not", async () => {
    for (const isKafka of [false, true]) {
      const on = await bench({ isKafka });
      on.central.isReachable = isKafka;
      on.agent.start();
      await live(on, ["m1"]);
      on.wall.offsetMs = HOUR_MS;
      await on.time.run(1_000);
      send(on, "m1", 90, on.time.nowMs - 6_000);
      expect(on.commands).toEqual([]);
      send(on, "m1", 91, on.time.nowMs);
      // One that has only just begun does not have to prove itself.
      send(on, "m2", 91, on.time.nowMs);
      expect(on.commands).toHaveLength(2);
    }
  });

  it("was so at the start: a crossing acts once two sensors have kept the pace of time", async () => {
    const on = await bench({ offsetMs: HOUR_MS });
    on.central.isReachable = false;
    on.agent.start();
    await on.time.run(1_000);
    send(on, "m1", 90, on.time.nowMs);
    expect(on.commands).toEqual([]);
    send(on, "m1", 60, on.time.nowMs + 1);
    await live(on, ["m1", "m2"]);
    send(on, "m1", 91, on.time.nowMs);
    expect(on.commands).toHaveLength(1);
  });

  it("is right, as an hour of backlog shows that comes faster than time: none of it acts", async () => {
    for (const pace of [1.3, 2, 100]) {
      const on = await bench();
      on.central.isReachable = false;
      on.agent.start();
      for (let second = 0; second * pace < 3_500 && second < 600; second += 1) {
        for (const machine of ["m1", "m2"])
          send(
            on,
            machine,
            second % 5 === 0 ? 90 : 60,
            on.time.nowMs - HOUR_MS + second * (pace - 1) * 1_000,
          );
        await on.time.run(1_000);
      }
      expect(on.commands, `${pace}`).toEqual([]);
    }
  });

  it("was set right while a backlog from just before its wrong time came in: none of it acts after that", async () => {
    const on = await bench({ offsetMs: -HOUR_MS });
    on.central.isReachable = false;
    on.agent.start();
    const startMs = on.time.nowMs - HOUR_MS;
    let sent = 0;
    const backlog = async (count: number, t: number) => {
      for (let at = 0; at < count; at += 1) {
        sent += 1;
        for (const machine of ["m1", "m2"]) send(on, machine, t, startMs + sent * 2_000);
        await on.time.run(1_000);
      }
    };
    await backlog(20, 60);
    on.wall.offsetMs = 0;
    await backlog(100, 90);
    expect(on.commands).toEqual([]);
  });
});

describe("a sensor whose clock is off", () => {
  it("is told with one that is behind, once both have come at the pace of time", async () => {
    const { agent, time, publish } = await bench();
    agent.start();
    for (let second = 0; second < 15; second += 1) {
      for (const [machine, aheadMs] of Object.entries({ m1: 7_000, m2: -60_000, m3: 2_000 }))
        void publish(
          `factory/alpha/${machine}/temperature`,
          JSON.stringify({ t: 20, ts: time.nowMs + aheadMs }),
        );
      await time.run(1_000);
    }
    expect(agent.status().sensorClocks).toEqual({
      ahead: 1,
      behind: 1,
      most: [
        { metric: "temperature", labels: { site: "alpha", machine: "m2" }, aheadMs: -60_000 },
        { metric: "temperature", labels: { site: "alpha", machine: "m1" }, aheadMs: 7_000 },
      ],
    });
  });
});

describe("a command that has gone out", () => {
  it("counts the latency of a command once, whatever happens to its alarm", async () => {
    const { agent, time, commands, temperature } = await bench();
    agent.start();
    await time.run(500);
    void temperature(90);
    await time.run(500);
    void temperature(60);
    agent.maintenance.begin({ machine: "m1" }, 60_000, "anna");
    agent.maintenance.end({ machine: "m1" }, "anna");
    agent.resetAlarms("all", "anna");
    await time.run(500);
    expect(commands).toHaveLength(1);
    expect(agent.status().actionLatency).toMatchObject({ count: 1, max: 0 });
  });
});

describe("a sensor whose clock is six seconds ahead", () => {
  it("stops its machine all the same, with central heard and not; what it had stored does not", async () => {
    for (const isReachable of [false, true]) {
      const { agent, time, central, commands, temperature } = await bench();
      central.isReachable = isReachable;
      central.clockMs = () => Math.floor(time.nowMs);
      agent.start();
      await time.run(3_000);
      expect(agent.status().clock.isProven).toBe(isReachable);
      void temperature(60, time.nowMs + 16_000);
      await time.run(1_000);
      void temperature(90, time.nowMs + 6_000);
      expect(commands).toEqual([]);
      await time.run(60_000);
      void temperature(60, time.nowMs + 6_000);
      await time.run(1_000);
      void temperature(91, time.nowMs + 6_000);
      expect(commands).toHaveLength(1);
      const { ledger, watermarkMs } = agent.status();
      expect(isReachable ? ledger.rejected.future : ledger.held).toBe(4);
      expect(watermarkMs ?? 0).toBeLessThan(time.nowMs);
    }
  });
});

describe("a clock that is set back by an hour while readings come", () => {
  it("is not what the status goes by", async () => {
    const { agent, time, wall, central, temperature } = await bench();
    central.clockMs = () => Math.floor(time.nowMs);
    agent.start();
    await time.run(1_000);
    agent.maintenance.begin({ machine: "m1" }, 60_000, "anna");
    await time.during(temperature(20) ?? Promise.reject(new Error("no wait")));
    await time.run(1_000);
    wall.offsetMs = -3_600_000;
    await time.run(30_000);
    const { clock, maintenance, watermarkMs } = agent.status();
    expect(clock.isSynchronised).toBe(false);
    expect(clock.nowMs - time.nowMs).toBeGreaterThan(-5_000);
    expect(clock.nowMs).toBeGreaterThan(watermarkMs ?? Number.POSITIVE_INFINITY);
    expect(maintenance[0].untilMs - clock.steadyMs).toBeCloseTo(29_000, -3);
  });
});

describe("a gateway that starts with its clock an hour behind", () => {
  const HOUR_MS = 3_600_000;
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  /** Everything received is somewhere. */
  const unbooked = ({ ledger }: AgentStatus) =>
    ledger.received -
    ledger.aggregated -
    ledger.ruleOnly -
    ledger.duplicate -
    sum(Object.values(ledger.rejected)) -
    ledger.held;
  /** Count of readings by pane; a batch that was sent again counts once. */
  const countsOf = (batches: readonly SealedBatch[]) => {
    const counts = new Map<number, number>();
    const panes = batches.filter(({ kind }) => kind === "panes");
    const once = new Map(panes.map((batch) => [`${batch.lane} ${batch.sequence}`, batch]));
    for (const batch of once.values()) {
      const body = unpackBody(batch, zstdCompression);
      const decoded = body.ok ? decodePaneBatch(body.body) : body;
      if (!decoded.ok) throw new Error(decoded.detail);
      for (const { rowCount, startMs, state, layout } of decoded.message.sections)
        for (let row = 0; row < rowCount; row += 1)
          counts.set(startMs[row], (counts.get(startMs[row]) ?? 0) + state[row * layout.stride]);
    }
    return counts;
  };
  /** The sensors' clocks are right, and nothing is in the store yet but what came before the cut. */
  async function behind(options: BenchOptions = {}) {
    const on = await bench({ offsetMs: -HOUR_MS, ...options });
    on.central.isReachable = false;
    on.central.clockMs = () => Math.floor(on.time.nowMs);
    on.agent.start();
    await on.time.run(1_000);
    return on;
  }

  it("acknowledges what its sensors stamp when that is held durably, and takes it in once the clock is set", async () => {
    const { agent, time, wall, central, store, temperature } = await behind();
    const times = [1, 2, 3].map((second) => START_MS + second * 10_000);
    for (const timeMs of times) {
      await time.runUntil(() => time.nowMs >= timeMs, 60_000);
      expect(
        await time.during(temperature(20, timeMs) ?? Promise.reject(new Error("no wait"))),
      ).toBeUndefined();
    }
    const waiting = agent.status();
    expect(waiting.ledger).toMatchObject({ received: 3, held: 3, aggregated: 0, pending: 0 });
    expect(waiting).toMatchObject({ held: { readings: 3, series: 1 }, watermarkMs: null });
    const labels = { machine: "m1", site: "alpha" };
    expect(waiting.held.most).toEqual([{ metric: "temperature", labels, readings: 3 }]);
    expect(waiting.held.bytes).toBeGreaterThan(0);
    const image = store instanceof MemoryStore ? store.snapshot() : undefined;
    expect((await bench({ store: new MemoryStore({}, image) })).agent.status().ledger.held).toBe(3);
    wall.offsetMs = 0;
    await time.run(2_000);
    expect(agent.status().ledger).toMatchObject({
      received: 3,
      held: 0,
      aggregated: 3,
      rejected: { future: 0 },
    });
    expect(agent.status().held).toEqual({ readings: 0, series: 0, bytes: 0, most: [] });
    central.isReachable = true;
    await time.run(60_000);
    expect(countsOf(central.batches)).toEqual(new Map(times.map((timeMs) => [timeMs, 1])));
  });

  it("settles all of it by a witness: each against what a right clock would have said when it came", async () => {
    const { agent, time, wall, central, publish, temperature } = await behind();
    const ahead = (timeMs: number) =>
      publish("factory/alpha/m2/temperature", JSON.stringify({ t: 20, ts: timeMs }));
    void temperature(20, time.nowMs);
    const wrongMs = time.nowMs + 60_000;
    void ahead(wrongMs);
    await time.run(120_000);
    void temperature(21, time.nowMs);
    await time.run(1_000);
    expect(agent.status().ledger).toMatchObject({ held: 3, rejected: { future: 0 } });
    wall.offsetMs = 0;
    await time.run(2_000);
    // The step alone refuses nothing: it may have been a small one of many.
    expect(agent.status().ledger).toMatchObject({ held: 1, aggregated: 2, rejected: { future: 0 } });
    central.isReachable = true;
    await time.run(60_000);
    const status = agent.status();
    expect(status.clock.isProven).toBe(true);
    expect(status.ledger).toMatchObject({ held: 0, aggregated: 2, rejected: { future: 1 } });
    expect(unbooked(status)).toBe(0);
    expect(status.quarantine.at(-1)).toMatchObject({
      reason: "future",
      topic: "temperature",
      client: "held",
    });
    expect(status.quarantine.at(-1)?.detail).toMatch(
      /^held until the clock was proven: time .*60\.0 s ahead/,
    );
    void ahead(time.nowMs + 60_000);
    expect(agent.status().ledger).toMatchObject({ held: 0, rejected: { future: 2 } });
  });

  it("believes no sensor because a witness comes between what it sent and the disk", async () => {
    const { agent, time, wall, central, publish } = await behind({ heldReadingsMax: 100_000 });
    wall.offsetMs = 0;
    await time.run(5_000);
    central.isReachable = true;
    let sent = 0;
    let pending = 0;
    for (; sent < 30_000 && !agent.status().clock.isProven; sent += 1) {
      ({ pending } = agent.status().ledger);
      const ts = time.nowMs + 600_000;
      void publish("factory/alpha/m2/temperature", JSON.stringify({ t: 20, ts }), false, false, 0);
      await time.run(1);
    }
    await time.run(10_000);
    const { ledger, watermarkMs } = agent.status();
    expect(pending).toBeGreaterThan(0);
    expect(ledger).toMatchObject({ received: sent, held: 0, aggregated: 0, rejected: { future: sent } });
    expect(watermarkMs ?? 0).toBeLessThan(time.nowMs);
  });

  it("acts on a crossing at once, and raises no second alarm when the reading is taken in", async () => {
    const { agent, time, wall, central, commands, publish, temperature } = await behind();
    void temperature(90, time.nowMs);
    void publish("factory/alpha/m2/temperature", JSON.stringify({ t: 95, ts: time.nowMs }), true);
    expect(commands).toMatchObject([{ topic: "factory/alpha/m1/command" }]);
    await time.run(1_000);
    void temperature(70, time.nowMs);
    await time.run(1_000);
    wall.offsetMs = 0;
    central.isReachable = true;
    await time.run(60_000);
    expect(agent.status().ledger).toMatchObject({ held: 0, aggregated: 3 });
    expect(commands).toHaveLength(1);
    expect(new Set(alarmsOf(central).map(({ id }) => id)).size).toBe(2);
  });

  it.each(["a crash", "an orderly stop"])(
    "shows the rules nothing again after %s that follows the taking in",
    async (end) => {
      const first = await behind();
      const { time, wall, temperature } = first;
      void temperature(90, time.nowMs);
      await time.run(1_000);
      void temperature(70, time.nowMs);
      await time.run(7_000);
      first.agent.resetAlarms("all", "test");
      await time.run(1_000);
      const { alarms } = first.agent.status();
      wall.offsetMs = 0;
      await time.runUntil(() => first.agent.status().ledger.held === 0, 1_000);
      await time.run(100);
      expect(first.agent.status().ledger).toMatchObject({ held: 0, aggregated: 2 });
      if (!(first.store instanceof MemoryStore)) throw new Error("another store");
      if (end === "an orderly stop") await time.during(first.agent.stop(1_000));
      const store = end === "a crash" ? first.store.crash() : new MemoryStore({}, first.store.snapshot());
      const second = await bench({ store, startMs: time.nowMs });
      second.agent.start();
      await second.time.run(10_000);
      expect(second.agent.status().alarms).toEqual(alarms);
      expect(new Set(alarmsOf(second.central).map(({ id }) => id)).size).toBe(1);
      expect(second.commands).toEqual([]);
    },
  );

  it("counts once what its sensor sends twice, while it is held and when it has been taken in", async () => {
    const { agent, time, wall, store, temperature } = await behind();
    const timeMs = time.nowMs;
    for (const _ of [1, 2]) void temperature(20, timeMs);
    await time.run(1_000);
    expect(agent.status().ledger).toMatchObject({ received: 2, held: 1, duplicate: 1 });
    const image = store instanceof MemoryStore ? store.snapshot() : undefined;
    const again = await behind({ store: new MemoryStore({}, image), startMs: time.nowMs });
    void again.temperature(20, timeMs);
    expect(again.agent.status().ledger).toMatchObject({ received: 3, held: 1, duplicate: 2 });
    wall.offsetMs = 0;
    await time.run(1_000);
    void temperature(20, timeMs);
    expect(agent.status().ledger).toMatchObject({ received: 3, held: 0, aggregated: 1, duplicate: 2 });
  });

  it("loses and doubles none of them, wherever in their taking in it crashes", async () => {
    const ends = new Set<string>();
    for (let crashAtMs = 0; crashAtMs < 400; crashAtMs += 7) {
      let delay = () => Promise.resolve();
      const random = new SeededRandom(crashAtMs);
      const first = await behind({ store: new MemoryStore({ random, delay: () => delay() }) });
      for (let number = 0; number < 20; number += 1) {
        void first.temperature(20 + number, first.time.nowMs);
        await first.time.run(60);
      }
      await first.time.run(100);
      expect(first.agent.status().ledger).toMatchObject({ held: 20, pending: 0 });
      delay = () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        first.time.after(30, resolve);
        return promise;
      };
      first.wall.offsetMs = 0;
      await first.time.run(crashAtMs);
      const before = first.agent.status().ledger;
      if (!(first.store instanceof MemoryStore)) throw new Error("another store");
      delay = () => Promise.resolve();
      const store = first.store.crash({ tornTail: true });
      const second = await bench({ store, startMs: first.time.nowMs });
      const { ledger } = second.agent.status();
      expect([ledger.held + ledger.aggregated, unbooked(second.agent.status())]).toEqual([20, 0]);
      ends.add(`${before.held} ${ledger.held}`);
      second.central.clockMs = () => Math.floor(second.time.nowMs);
      second.agent.start();
      await second.time.run(60_000);
      expect(second.agent.status().ledger).toMatchObject({
        received: 20,
        held: 0,
        aggregated: 20,
        damaged: 0,
      });
      second.central.acknowledge();
      await second.time.run(10_000);
      expect(sum([...countsOf(second.central.batches).values()])).toBe(20);
    }
    // Before they were judged, before that was durable, and after.
    expect(ends).toEqual(new Set(["20 20", "0 20", "0 0"]));
  });

  it("has half of the room left for the others when one sensor's clock is ahead; beyond it is rejected", async () => {
    const options = { heldReadingsMax: 100, seriesPerMetricMax: 10 };
    const { agent, time, commands, publish, temperature } = await behind(options);
    const send = (machine: string, count: number) => {
      for (let number = 0; number < count; number += 1)
        void publish(
          `factory/alpha/${machine}/temperature`,
          JSON.stringify({ t: 1, ts: time.nowMs + number }),
        );
    };
    send("m1", 1_000);
    expect(agent.status().ledger).toMatchObject({ held: 50, rejected: { future: 950 } });
    send("m2", 1_000);
    expect(agent.status().ledger).toMatchObject({ held: 75 });
    send("m3", 5);
    expect(agent.status().ledger).toMatchObject({ held: 80 });
    void temperature(90, time.nowMs + 5_000);
    expect(agent.status().ledger).toMatchObject({ held: 80 });
    expect(commands).toHaveLength(1);
    await time.run(1_000);
    expect(unbooked(agent.status())).toBe(0);
  });

  it("holds nothing of a metric whose pipeline goes meanwhile: it is rejected as of an unknown topic", async () => {
    const { agent, time, wall, temperature } = await behind();
    void temperature(20, time.nowMs);
    await time.run(1_000);
    const without = PIPELINE.replace(/ {2}temperature:[^]*?live: true\n/, "")
      .replace(/ {2}temperature_10s.*\n/, "")
      .replace(/rules:[^]*/, "");
    void agent.changePipeline(loadPipeline("/pipeline.yaml", { readFile: () => without }).config);
    wall.offsetMs = 0;
    await time.run(2_000);
    const status = agent.status();
    expect(status.ledger).toMatchObject({ held: 0, rejected: { unknown_topic: 1 } });
    expect(unbooked(status)).toBe(0);
    // What it was is known all the same.
    const [{ topic, head }] = status.quarantine;
    expect(topic).toBe("temperature");
    expect(JSON.parse(Buffer.from(head, "base64").toString())).toMatchObject({
      metric: "temperature",
      labels: { machine: "m1" },
    });
    expect(status.series).toEqual({});
  });

  it("lets no frontier pass what was held before that is in a batch", async () => {
    let delay = () => Promise.resolve();
    const store = new MemoryStore({ delay: () => delay() });
    const { time, wall, central, publish, temperature } = await behind({ store, seriesPerMetricMax: 10 });
    central.isReachable = true;
    const paneMs = time.nowMs - (time.nowMs % 10_000);
    void temperature(20, time.nowMs);
    await time.run(60_000);
    delay = () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      time.after(1_500, resolve);
      return promise;
    };
    wall.offsetMs = 0;
    for (let second = 0; second < 60; second += 1) {
      await time.run(1_000);
      void publish("factory/alpha/m2/temperature", JSON.stringify({ t: 20, ts: time.nowMs }));
    }
    const holder = central.batches.find((batch) => countsOf([batch]).has(paneMs));
    const passing = central.heartbeats.filter(
      ({ frontier }) =>
        (frontier.watermarkMs ?? 0) >= paneMs + 10_000 &&
        !frontier.pending.some(({ startMs, endMs }) => startMs < paneMs + 10_000 && paneMs < endMs),
    );
    expect(passing.length).toBeGreaterThan(10);
    for (const { frontier } of passing)
      expect(frontier.holds.live).toBeGreaterThanOrEqual(holder?.sequence ?? Infinity);
  });

  it("over Kafka judges what an earlier life has held by its clock at the start, and promises on beside one wrong sensor", async () => {
    const first = await behind({ isKafka: true });
    const send = (to: typeof first, machine: string, timeMs: number) =>
      to.publish(`factory/alpha/${machine}/temperature`, JSON.stringify({ t: 20, ts: timeMs }));
    void send(first, "m1", first.time.nowMs);
    void send(first, "m2", first.time.nowMs + 60_000);
    await first.time.run(1_000);
    expect(first.agent.status().ledger.held).toBe(2);
    const second = await bench({ store: first.store, startMs: first.time.nowMs, isKafka: true });
    second.central.clockMs = () => 0;
    second.agent.start();
    await second.time.run(5_000);
    expect(second.agent.status().ledger).toMatchObject({ held: 1, aggregated: 1 });
    // The other's time is past by now.
    await second.time.run(120_000);
    void send(second, "m1", second.time.nowMs);
    await second.time.run(5_000);
    expect(second.central.heartbeats.at(-1)?.frontier.pending).toEqual([]);
  });

  it("takes ten thousands of them in by turns, with room left in the panes", async () => {
    const { agent, time, wall, store, publish } = await behind({ heldReadingsMax: 1_000_000 });
    const fromMs = time.nowMs;
    for (let number = 0; number < 30_000; number += 1) {
      const timeMs = fromMs + number;
      void publish("factory/alpha/m1/temperature", JSON.stringify({ t: 20, ts: timeMs }), false, false, 0);
      if (number % 1_000 === 0) await time.run(1_000);
    }
    await time.run(1_000);
    expect(agent.status().ledger).toMatchObject({ held: 30_000, pending: 0 });
    wall.offsetMs = 0;
    await time.run(5_000);
    expect(agent.status().ledger).toMatchObject({ held: 0, aggregated: 30_000 });
    for await (const { value } of store.range(prefixRange(PREFIX.redo)))
      expect(parseRedoEntry(value)?.rowCount).toBeLessThanOrEqual(4_096);
  });

  it("tells what damage of the store has taken of them", async () => {
    const first = await behind();
    void first.temperature(20, first.time.nowMs);
    await first.time.run(1_000);
    const { agent, time, store, temperature } = await behind({
      store: first.store,
      startMs: first.time.nowMs,
    });
    void temperature(21, time.nowMs);
    await time.run(1_000);
    expect(agent.status().ledger.held).toBe(2);
    if (!(store instanceof MemoryStore)) throw new Error("another store");
    const image = new MemoryStore({}, store.snapshot());
    image.damage(numberKey(PREFIX.held, 1), (value) => value.fill(0));
    const second = await bench({ store: image, startMs: time.nowMs });
    second.central.clockMs = () => Math.floor(second.time.nowMs);
    second.agent.start();
    await second.time.run(5_000);
    const status = second.agent.status();
    expect(status.ledger).toMatchObject({ held: 0, aggregated: 2, damaged: 1 });
    expect(unbooked(status)).toBe(0);
    expect(second.central.batches.map(({ kind }) => kind)).toContain("skipped");
  });
});

describe("a stop command that waits for the machine's answer", () => {
  it.each([
    ["an hour ahead", 3_600_000],
    ["an hour back", -3_600_000],
  ])("is repeated as often as configured, though the clock is set %s meanwhile", async (_, offsetMs) => {
    const confirm = '{ topic: "factory/{site}/{machine}/state", equals: stopped, within: 2s }, retry: 2';
    const pipeline = PIPELINE.replace("armed: true }", `armed: true, confirm: ${confirm} }`);
    const { agent, time, wall, commands, temperature } = await bench({ pipeline });
    agent.start();
    await time.run(2_000);
    void temperature(90);
    await time.run(500);
    wall.offsetMs = offsetMs;
    await time.run(5_000);
    expect(commands).toHaveLength(3);
    await time.run(10_000);
    expect(commands).toHaveLength(3);
    expect(agent.status().alarms).toMatchObject([{ action: "unconfirmed" }]);
  });
});

describe("a clock a day ahead", () => {
  it("that stamped what is stored holds nothing once central and the wall clock agree, after a restart too", async () => {
    const store = new MemoryStore();
    const first = await bench({ store, offsetMs: DAY_MS });
    first.agent.start();
    void first.publish("factory/alpha/m1/level", "1");
    void first.temperature(50, START_MS + DAY_MS);
    await first.time.run(12_000);
    const startMs = START_MS + 20_000;
    const second = await bench({ store: store.crash(), startMs });
    const { agent, time, central } = second;
    central.isReachable = false;
    agent.start();
    await time.run(1_000);
    expect(agent.status().clock.isSynchronised).toBe(false);
    central.isReachable = true;
    central.clockMs = () => Math.floor(time.nowMs);
    await time.runUntil(() => central.heartbeats.length > 0, 60_000);
    expect(agent.status().clock.isSynchronised).toBe(true);
    expect(central.heartbeats[0]?.frontier.watermarkMs).toBeLessThanOrEqual(time.nowMs - 5_000);
    void second.temperature(50, time.nowMs + 3_600_000);
    // What the deduplicator knew under the wrong clock no longer makes this one too old to tell.
    for (const _ of [1, 2]) void second.temperature(51, time.nowMs + 5_000);
    await time.run(10_000);
    expect(agent.status().ledger).toMatchObject({ duplicate: 1, rejected: { future: 1 } });
    expect(central.heartbeats.at(-1)?.frontier.watermarkMs).toBeLessThanOrEqual(time.nowMs);
    await time.run(60_000);
    expect(central.heartbeats.at(-1)?.frontier).toMatchObject({ isIdle: true });
    expect(central.heartbeats.at(-1)?.frontier.watermarkMs).toBeGreaterThan(time.nowMs - 10_000);
  });

  it("moves no watermark of an idle agent, and is followed once central confirms it", async () => {
    const { agent, time, wall, central, temperature } = await bench();
    central.clockMs = () => Math.floor(time.nowMs);
    agent.start();
    void temperature(50, START_MS);
    await time.run(40_000);
    wall.offsetMs = DAY_MS;
    await time.run(10_000);
    const { frontier } = central.heartbeats.at(-1)!;
    expect(frontier.isIdle).toBe(true);
    expect(frontier.watermarkMs).toBeGreaterThan(time.nowMs - 10_000);
    expect(frontier.watermarkMs).toBeLessThan(time.nowMs);
    central.clockMs = () => Math.floor(time.nowMs) + DAY_MS;
    await time.run(35_000);
    expect(central.heartbeats.at(-1)?.frontier.watermarkMs).toBeGreaterThan(time.nowMs + DAY_MS - 10_000);
  });

  it("that no witness has confirmed promises nothing by itself, in no batch and no heartbeat", async () => {
    const store = new MemoryStore();
    const first = await bench({ store });
    first.agent.start();
    void first.temperature(50, START_MS);
    await first.time.run(2_000);
    void first.temperature(50, START_MS + 2_000);
    await first.time.run(7_000);
    const { agent, time, wall, central, temperature } = await bench({
      store: store.crash(),
      startMs: START_MS + 10_000,
      offsetMs: DAY_MS,
    });
    central.isReachable = false;
    agent.start();
    await time.run(1_000);
    void temperature(51, START_MS + 8_000);
    await time.run(60_000);
    expect(agent.status().watermarkMs).toBe(START_MS + 3_000);
    central.isReachable = true;
    central.clockMs = () => Math.floor(time.nowMs);
    await time.runUntil(() => central.heartbeats.length > 3, 60_000);
    expect(central.heartbeats.at(-1)?.frontier).toMatchObject({
      watermarkMs: START_MS + 3_000,
      isIdle: true,
    });
    wall.offsetMs = 0;
    await time.run(3_000);
    expect(central.heartbeats.at(-1)?.frontier.watermarkMs).toBeGreaterThan(time.nowMs - 10_000);
    for (const batch of central.batches.filter(({ kind }) => kind === "panes")) {
      const body = unpackBody(batch, zstdCompression);
      const panes = body.ok ? decodePaneBatch(body.body) : body;
      if (!panes.ok) throw new Error(panes.detail);
      expect(panes.message.frontier.watermarkMs ?? 0).toBeLessThan(time.nowMs);
    }
  });

  it("does not make the redo log grow once it is set right", async () => {
    const { agent, time, wall, central, store, temperature } = await bench({ offsetMs: DAY_MS });
    central.clockMs = () => Math.floor(time.nowMs);
    agent.start();
    let redoMost = 0;
    for (let minute = 0; minute < 60; minute += 1) {
      if (minute === 5) wall.offsetMs = 0;
      void temperature(50 + minute);
      await time.run(60_000);
      central.acknowledge();
      let redo = 0;
      for await (const _ of store.range(prefixRange(PREFIX.redo))) redo += 1;
      if (minute >= 30) redoMost = Math.max(redoMost, redo);
      else if (minute === 4) expect(redo).toBeGreaterThan(0);
    }
    let oldest: number | undefined;
    for await (const { value } of store.range({ ...prefixRange(PREFIX.redo), limit: 1 }))
      oldest = parseRedoEntry(value)?.committedAtMs;
    expect(oldest).toBeGreaterThan(time.nowMs - 660_000);
    expect(oldest).toBeLessThan(time.nowMs);
    expect(redoMost).toBeLessThan(1_000);
  });
});

describe("while the store takes no writes", () => {
  it("nothing is acknowledged, rules go on, and all is durable once it does again", async () => {
    const store = new MemoryStore();
    const { agent, time, temperature, commands } = await bench({ store });
    agent.start();
    store.failNextCommits(3);
    let isAcknowledged = false;
    void temperature(90)?.then(() => (isAcknowledged = true));
    await time.run(20);
    expect(isAcknowledged).toBe(false);
    expect(agent.status().store.failure).not.toBeNull();
    expect(commands).toHaveLength(1);
    await time.run(20_000);
    expect(isAcknowledged).toBe(true);
    expect(agent.status().store.failure).toBeNull();
    expect(agent.status().ledger).toMatchObject({ received: 1, aggregated: 1 });
  });

  it("a store that is gone for good is told once, tried no more, and rules go on", async () => {
    const store = new MemoryStore();
    let failedCount = 0;
    const { agent, time, temperature, commands } = await bench({
      store,
      failedForGood: () => (failedCount += 1),
    });
    agent.start();
    await time.run(1_000);
    let triedCount = 0;
    store.commit = () => {
      triedCount += 1;
      return Promise.reject(new MillraceError("store_gone", { path: "memory" }));
    };
    let isAcknowledged = false;
    void temperature(50)?.then(() => (isAcknowledged = true));
    await time.run(10_000);
    void temperature(90);
    await time.run(10_000);
    expect({ failedCount, triedCount, isAcknowledged }).toEqual({
      failedCount: 1,
      triedCount: 1,
      isAcknowledged: false,
    });
    expect(agent.status().store.failure).toContain("was removed or replaced");
    expect(commands).toHaveLength(1);
    await expect(time.during(agent.stop(10_000))).rejects.toThrow(/2 readings/);
  });

  it("a stop ends within seconds, and says what is not on disk", async () => {
    const store = new MemoryStore();
    const { agent, time, temperature } = await bench({ store });
    agent.start();
    await time.run(1_000);
    store.failNextCommits(1_000);
    void temperature(50);
    // So long that the next attempt is seconds away.
    await time.run(60_000);
    void temperature(51);
    const stoppedAtMs = time.nowMs;
    await expect(time.during(agent.stop(10_000))).rejects.toThrow(
      /takes no writes \(.*injected failure.*\); 2 readings .* not on disk/,
    );
    expect(time.nowMs - stoppedAtMs).toBeLessThan(3_000);
  });

  it("a stop keeps everything when the disk takes writes again in time", async () => {
    const store = new MemoryStore();
    const { agent, time, temperature } = await bench({ store });
    agent.start();
    await time.run(1_000);
    store.failNextCommits(1_000);
    void temperature(50);
    await time.run(60_000);
    store.failNextCommits(1);
    await time.during(agent.stop(0));
    const { agent: next } = await bench({ store: store.crash() });
    expect(next.status().ledger).toMatchObject({ received: 1, aggregated: 1 });
  });
});

describe("a reconnect while the store takes no writes", () => {
  async function onFullDisk(epoch: number) {
    const store = new MemoryStore();
    const agent = await bench({ store });
    agent.agent.start();
    await agent.time.run(100);
    void agent.temperature(50);
    await agent.time.run(1_000);
    agent.central.epoch = epoch;
    agent.central.heartbeats.length = 0;
    agent.central.batches.length = 0;
    store.failNextCommits(1_000);
    void agent.temperature(51);
    await agent.time.run(100);
    agent.central.hangUp();
    await agent.time.run(5_000);
    return { ...agent, store };
  }

  it("goes up at once, tells central why nothing new comes, and sends again what it had sent", async () => {
    const { agent, time, central, store } = await onFullDisk(1);
    expect(agent.status().link).toMatchObject({ state: "up", reason: "connected" });
    expect(central.heartbeats.at(-1)?.status?.["storeFailure"]).toContain("injected failure");
    expect(central.batches).toMatchObject([{ lane: "live", sequence: 1 }]);
    store.failNextCommits(0);
    await time.run(10_000);
    expect(central.heartbeats.at(-1)?.status?.["storeFailure"]).toBe("");
    expect(central.batches.at(-1)).toMatchObject({ lane: "live", sequence: 2 });
  });

  it("that brings a new epoch sends no batch before the disk holds it, and says what it waits for", async () => {
    const { agent, time, central, store, temperature } = await onFullDisk(2);
    const { link } = agent.status();
    expect(link.state).toBe("up");
    expect(link.reason).toMatch(/until the disk holds epoch 2: .*injected failure/);
    expect(central.heartbeats.at(-1)?.status?.["storeFailure"]).toContain("injected failure");
    central.hangUp();
    await time.run(5_000);
    expect(central.batches).toEqual([]);
    store.failNextCommits(0);
    await time.run(10_000);
    expect(agent.status().link).toMatchObject({ state: "up", reason: "connected" });
    void temperature(52);
    await time.run(1_000);
    const sent = new Set(central.batches.map(({ sequence, epoch }) => `${sequence} of epoch ${epoch}`));
    expect([...sent]).toEqual(["1 of epoch 1", "2 of epoch 1", "3 of epoch 2"]);
  });
});

describe("a disk that does not answer, without an error", () => {
  it("is named as a failure after five seconds; memory is bounded, nothing is acknowledged, rules go on; and all is well once it answers", async () => {
    const disk = Promise.withResolvers<void>();
    let isHanging = false;
    const store = new MemoryStore({
      delay: (operation) => (operation === "commit" && isHanging ? disk.promise : Promise.resolve()),
    });
    const { agent, time, central, commands, publish, temperature } = await bench({ store });
    agent.start();
    await time.run(2_000);
    isHanging = true;
    let acknowledgedCount = 0;
    const waiting = temperature(20)?.then(() => (acknowledgedCount += 1));
    await time.run(4_900);
    expect(agent.storeFailure).toBeNull();
    await time.run(1_500);
    expect(agent.storeFailure).toBe("the disk does not answer: a write is under way for 6 s");
    expect(agent.status().store.failure).toBe(agent.storeFailure);
    expect(central.heartbeats.at(-1)?.status?.["storeFailure"]).toContain("the disk does not answer");
    let refusedCount = 0;
    for (let count = 0; count < 300_000; count += 1)
      publish("factory/alpha/m1/level", String(count), false, true, 0)?.catch(() => (refusedCount += 1));
    await time.run(1_000);
    const { received, pending } = agent.status().ledger;
    expect([received, pending, refusedCount]).toEqual([250_001, 250_001, 50_000]);
    await expect(temperature(90)).rejects.toThrow("takes no writes");
    expect(commands).toHaveLength(1);
    expect(acknowledgedCount).toBe(0);
    isHanging = false;
    disk.resolve();
    await time.run(1_000);
    await waiting;
    expect(agent.storeFailure).toBeNull();
    expect(agent.status().ledger.pending).toBe(0);
    await time.during(temperature(70) ?? Promise.reject(new Error("not waited for")));
  });
});

describe("a heartbeat", () => {
  it("promises no watermark whose panes are still on their way to the disk", async () => {
    const disk = { isHeld: false, release: () => undefined as void };
    const store = new MemoryStore({
      delay: (operation) => {
        if (operation !== "commit" || !disk.isHeld) return Promise.resolve();
        const { promise, resolve } = Promise.withResolvers<void>();
        disk.release = resolve;
        return promise;
      },
    });
    const { agent, time, central, temperature } = await bench({ store });
    agent.start();
    await time.run(100);
    void temperature(50, START_MS);
    await time.run(1_500);
    const durableMs = agent.status().watermarkMs;
    disk.isHeld = true;
    void temperature(51, START_MS + 1_600);
    await time.run(2_000);
    expect(central.heartbeats.at(-1)?.frontier.watermarkMs).toBe(durableMs);
    disk.isHeld = false;
    disk.release();
    await time.run(2_000);
    expect(central.heartbeats.at(-1)?.frontier.watermarkMs).toBe(START_MS + 1_600 - 5_000);
  });
});

describe("the status in heartbeats", () => {
  const toldOf = (central: ScriptedCentral) =>
    central.heartbeats.splice(0).map(({ status }) => status !== undefined);

  it("is told until an echo shows that central has it, and when it changes; anew to each connection", async () => {
    const { agent, time, central, temperature } = await bench();
    central.keepsStatus = true;
    central.isEchoing = false;
    agent.start();
    await time.run(2_500);
    expect(toldOf(central)).toEqual([true, true, true]);
    central.isEchoing = true;
    await time.run(3_000);
    expect(toldOf(central)).toEqual([true, false, false]);
    void temperature(50);
    await time.run(3_000);
    central.acknowledge();
    expect(toldOf(central)).toContain(true);
    await time.run(3_000);
    expect(toldOf(central).at(-1)).toBe(false);
    central.hangUp();
    await time.run(1_000);
    expect(toldOf(central)[0]).toBe(true);
  });

  it("is told each time to a central from before", async () => {
    const { agent, time, central } = await bench();
    agent.start();
    await time.run(3_500);
    expect(toldOf(central)).toEqual([true, true, true, true]);
  });
});

describe("a crossing", () => {
  it("commands the stop before anything is durable, once, with the uplink down", async () => {
    const { agent, central, commands, temperature } = await bench();
    central.isReachable = false;
    agent.start();
    void temperature(90);
    expect(commands).toHaveLength(1);
    expect(commands[0]?.topic).toBe("factory/alpha/m1/command");
    const command: Record<string, unknown> = JSON.parse(commands[0]?.payload ?? "");
    expect(command).toMatchObject({ command: "STOP", rule: "overheating" });
    expect(command["validUntil"]).toBeGreaterThan(START_MS);
    void temperature(91, START_MS + 1);
    expect(commands).toHaveLength(1);
  });

  it("of a retained or stale reading is historical: no command", async () => {
    const { agent, commands, temperature } = await bench();
    agent.start();
    void temperature(90, START_MS, true);
    void temperature(91, START_MS - 6_000);
    expect(commands).toEqual([]);
    expect(agent.status().alarms).toMatchObject([{ isHistorical: true }]);
  });

  it("is confirmed by an answer with the retain flag where it comes from the machine, not from a broker's store", async () => {
    const pipeline = PIPELINE.replace(
      "armed: true",
      'armed: true, confirm: { topic: "factory/{site}/{machine}/state", equals: stopped, within: 2s }',
    );
    const { agent, temperature, answer } = await bench({ pipeline });
    agent.start();
    void temperature(90);
    answer("stopped", { isFresh: false });
    expect(agent.status().alarms).toMatchObject([{ action: "commanded" }]);
    answer("stopped", { isFresh: true });
    expect(agent.status().alarms).toMatchObject([{ action: "confirmed" }]);
  });

  it("is not commanded again by the replay after a crash", async () => {
    const store = new MemoryStore();
    const first = await bench({ store });
    first.agent.start();
    void first.temperature(90);
    await first.time.run(1_000);
    const second = await bench({ store: store.crash(), startMs: START_MS + 1_000 });
    second.agent.start();
    await second.time.run(1_000);
    expect(second.commands).toEqual([]);
    expect(second.agent.status().alarms).toHaveLength(1);
  });
});

describe("an alarm that began historical", () => {
  it("that a replay has raised is recorded once it acts, also where it stands since before the start", async () => {
    const recorder = { bytesMax: 100_000, beforeMs: 2_000, afterMs: 1_000, by: ["machine"] };
    const first = await bench({ recorder });
    first.agent.start();
    void first.temperature(95, START_MS, true);
    await first.time.run(6_000);
    expect(first.agent.status().alarms).toMatchObject([{ isHistorical: true }]);
    const store = first.store instanceof MemoryStore ? first.store.crash() : first.store;
    const second = await bench({ recorder, store, startMs: first.time.nowMs });
    for (const line of [first, second]) {
      line.agent.start();
      void line.temperature(96);
      await line.time.run(5_000);
      expect(line.commands).toHaveLength(1);
      expect(line.agent.status().recorder).toMatchObject({ recorded: 1 });
    }
  });
});

describe("what a step of an alarm leaves in the store", () => {
  const confirmed = PIPELINE.replace(
    "armed: true",
    'armed: true, confirm: { topic: "factory/{site}/{machine}/state", equals: stopped, within: 2s }, retry: 3',
  );
  const journal = async (store: MemoryStore) => {
    const steps: unknown[] = [];
    for await (const { value } of store.range(prefixRange(PREFIX.rulesJournal)))
      steps.push(JSON.parse(new TextDecoder().decode(value)));
    return steps;
  };
  /** Two machines are known, and the rules' state is checkpointed; then one of them crosses. */
  const crossed = async (pipeline = confirmed) => {
    const first = await bench({ pipeline });
    first.agent.start();
    const other = (t: number) =>
      first.publish("factory/alpha/m2/temperature", JSON.stringify({ t, ts: first.time.nowMs }));
    void first.temperature(70);
    void other(70);
    await first.time.run(6_000);
    void other(71);
    await first.time.run(1_500);
    void first.temperature(90);
    await first.time.run(100);
    const store = first.store as MemoryStore;
    const crash = (afterMs = 0) =>
      bench({ pipeline, store: store.crash(), startMs: first.time.nowMs + afterMs }).then((again) => {
        again.agent.start();
        return again;
      });
    return { ...first, other, store, crash };
  };

  it("is the state of its series, and after a crash the alarm is what it was, with its command, step and retries", async () => {
    const before = await crossed();
    expect(await journal(before.store)).toMatchObject([
      { series: [{ rule: "overheating", labels: { machine: "m1" }, alarm: { event: { step: 1 } } }] },
    ]);
    expect(before.commands).toHaveLength(1);
    const { commands, agent, time, answer, temperature, store } = await before.crash();
    expect(agent.status().alarms).toEqual(before.agent.status().alarms);
    void temperature(91);
    await time.run(1_000);
    expect(commands).toEqual([]);
    expect(await journal(store as MemoryStore)).toEqual([]);
    await time.run(1_000);
    expect(commands).toHaveLength(1);
    const id = (payload = "") => JSON.parse(payload).id;
    expect(id(commands[0]?.payload)).toBe(id(before.commands[0]?.payload));
    answer("stopped", { isFresh: true });
    expect(agent.status().alarms).toMatchObject([{ action: "confirmed", step: 3 }]);
  });

  it("also where the alarm is over again: it does not come back, and the next one has another id", async () => {
    const before = await crossed(PIPELINE.replace("armed: true", "armed: true, latch: false"));
    const [{ id }] = before.agent.status().alarms;
    void before.temperature(70);
    await before.time.run(100);
    expect(await journal(before.store)).toHaveLength(2);
    const again = await before.crash();
    await again.time.run(1_000);
    // Its readings are not judged again: nothing new is told of it.
    expect(again.agent.status().lanes["alarm"].next).toBe(before.agent.status().lanes["alarm"].next);
    expect(again.agent.status().alarms).toEqual([]);
    void again.temperature(90);
    await again.time.run(100);
    expect(again.commands).toHaveLength(1);
    expect(again.agent.status().alarms[0]?.id).not.toBe(id);
  });

  it("goes with the next checkpoint, which holds it too", async () => {
    const before = await crossed();
    before.answer("stopped", { isFresh: true });
    void before.other(72);
    await before.time.run(6_000);
    expect(await journal(before.store)).toEqual([]);
    const again = await before.crash();
    expect(again.agent.status().alarms).toEqual(before.agent.status().alarms);
    await again.time.run(1_000);
    expect(await journal(again.store as MemoryStore)).toEqual([]);
  });

  it("leaves readings of other series to the replay: what they began goes on", async () => {
    const delayed = PIPELINE.replace("clearBelow: 75", "clearBelow: 75, forAtLeast: 2s");
    const before = await crossed(delayed);
    void before.other(90);
    await before.time.run(1_900);
    // The step of the other machine, which has crossed for longer by now, carries nothing of this one.
    void before.temperature(90);
    await before.time.run(100);
    expect(before.agent.status().alarms).toMatchObject([{ labels: { machine: "m1" } }]);
    const again = await before.crash();
    void again.publish("factory/alpha/m2/temperature", JSON.stringify({ t: 90, ts: again.time.nowMs }));
    expect(again.commands.map(({ topic }) => topic)).toEqual(["factory/alpha/m2/command"]);
  });

  it("that is damaged is left out: the alarm is raised anew by its reading, as history, and acts on the next", async () => {
    const before = await crossed();
    before.store.damage(numberKey(PREFIX.rulesJournal, 1), () => new Uint8Array(3));
    const again = await before.crash();
    expect(again.agent.status().alarms).toMatchObject([{ isHistorical: true, action: "none" }]);
    void again.temperature(91);
    expect(again.commands).toHaveLength(1);
  });
});

describe("the outbox", () => {
  it("sends live deltas under the epoch that central gave, and empties as they are acknowledged", async () => {
    const { agent, time, central, temperature } = await bench();
    central.epoch = 7;
    agent.start();
    await time.run(100);
    void temperature(50);
    await time.run(1_000);
    expect(central.batches).toMatchObject([{ lane: "live", sequence: 1, epoch: 7, readingCount: 1 }]);
    central.acknowledge();
    await time.run(2_000);
    expect(agent.status().ledger).toMatchObject({ forwarded: 1, queued: 0, open: 0 });
  });

  it("keeps panes in backfill while the link is down, says so in its frontier, and drains it after", async () => {
    const { agent, time, central, temperature } = await bench();
    central.isReachable = false;
    agent.start();
    for (let second = 0; second < 40; second += 1) {
      void temperature(50 + second / 10);
      await time.run(1_000);
    }
    expect(agent.status().lanes["backfill"]?.queuedBatches).toBeGreaterThan(0);
    central.isReachable = true;
    await time.run(20_000);
    expect(central.heartbeats[0]?.frontier.pending.length).toBeGreaterThan(0);
    central.acknowledge();
    await time.run(3_000);
    expect(central.heartbeats.at(-1)?.frontier.pending).toEqual([]);
    expect(agent.status().ledger.aggregated).toBe(40);
  });

  it("sends alarms and live panes beside a backlog that fills the link, and only alarms while nothing leaves", async () => {
    const { agent, time, central, publish, temperature } = await bench();
    central.isReachable = false;
    agent.start();
    for (let pane = 0; pane < config.uplink.inFlightBatchesMax + 8; pane += 1) {
      void publish("factory/alpha/m1/level", "1");
      await time.run(10_000);
    }
    central.isReachable = true;
    await time.run(20_000);
    const lanes = () => new Set(central.batches.map(({ lane }) => lane));
    expect([...lanes()]).toEqual(["backfill"]);
    central.batches.length = 0;
    void temperature(50);
    await time.run(400);
    expect([...lanes()]).toEqual(["live"]);
    central.batches.length = 0;
    central.bufferedBytes = 100_000;
    void temperature(90);
    await time.run(400);
    expect([...lanes()]).toEqual(["alarm"]);
    central.bufferedBytes = 0;
    await time.run(400);
    expect([...lanes()]).toEqual(["alarm", "live"]);
  });

  it("takes anything that central says as proof that the link lives", async () => {
    const { agent, time, central } = await bench();
    agent.start();
    await time.run(100);
    central.isEchoing = false;
    for (let second = 0; second < 20; second += 1) {
      central.acknowledge();
      await time.run(1_000);
    }
    expect(agent.status().link.state).toBe("up");
    expect(central.hellos).toHaveLength(1);
    await time.run(7_000);
    expect(central.hellos.length).toBeGreaterThan(1);
  });

  it("sends again what a restored central lacks, and takes back that it was forwarded", async () => {
    const { agent, time, central, temperature } = await bench();
    agent.start();
    await time.run(100);
    void temperature(50);
    await time.run(1_000);
    central.acknowledge();
    await time.run(2_000);
    central.marks = { alarm: 0, live: 0, backfill: 0, evidence: 0 };
    const { length: before } = central.batches;
    central.hangUp();
    await time.run(5_000);
    expect(central.batches.slice(before)).toMatchObject([{ lane: "live", sequence: 1 }]);
    expect(agent.status().ledger).toMatchObject({ forwarded: 0, queued: 1 });
  });

  it("sends its open panes at an orderly stop", async () => {
    const { agent, time, central, publish } = await bench();
    agent.start();
    await time.run(100);
    void publish("factory/alpha/m1/level", "3");
    await time.run(1_000);
    expect(central.batches).toEqual([]);
    await time.during(agent.stop(500));
    expect(central.batches).toMatchObject([{ lane: "live", readingCount: 1 }]);
  });

  it("splits what does not fit one batch, and every batch is one that central takes", async () => {
    const { agent, time, central, publish } = await bench({ seriesPerMetricMax: 5_000 });
    agent.start();
    await time.run(100);
    for (let machine = 0; machine < 2_000; machine += 1) {
      void publish(
        `factory/alpha/${String(machine).padStart(250, "m")}/temperature`,
        `{"t":50,"ts":${START_MS}}`,
      );
    }
    await time.run(3_000);
    expect(central.refusedCount).toBe(0);
    expect(central.batches.length).toBeGreaterThan(1);
    expect(central.batches.reduce((sum, { readingCount }) => sum + readingCount, 0)).toBe(2_000);
  });

  it("sends more alarms than one batch holds", async () => {
    const { agent, time, central, publish } = await bench({ seriesPerMetricMax: 10_000 });
    agent.start();
    await time.run(100);
    for (let machine = 0; machine < 5_000; machine += 1) {
      void publish(`factory/alpha/m${machine}/temperature`, `{"t":90,"ts":${START_MS}}`);
    }
    await time.run(3_000);
    expect(central.refusedCount).toBe(0);
    expect(central.batches.filter(({ lane }) => lane === "alarm").length).toBeGreaterThan(1);
  });

  it("gives up the oldest backlog at its cap, and counts it", async () => {
    const bytesMax = 450;
    const { agent, time, central, publish } = await bench({ bytesMax });
    central.isReachable = false;
    agent.start();
    for (let round = 0; round < 400; round += 1) {
      void publish("factory/alpha/m1/level", "1");
      await time.run(10_000);
    }
    await time.run(20_000);
    const { ledger, lanes } = agent.status();
    expect(ledger.evicted).toBeGreaterThan(0);
    expect(ledger.open + ledger.queued + ledger.forwarded + ledger.evicted).toBe(400);
    expect(lanes["backfill"]?.queuedBytes).toBeLessThanOrEqual(bytesMax);
  });

  it("makes the backlog coarser before it gives any up", async () => {
    const bytesMax = 2_000;
    const { agent, time, central, publish } = await bench({ bytesMax });
    central.isReachable = false;
    agent.start();
    for (let round = 0; round < 40; round += 1) {
      void publish("factory/alpha/m1/level", "1");
      await time.run(10_000);
    }
    await time.run(20_000);
    expect(agent.status().ledger).toMatchObject({ evicted: 0, aggregated: 40 });
    expect(agent.status().lanes["backfill"]?.queuedBytes).toBeLessThanOrEqual(bytesMax);
    central.isReachable = true;
    for (let round = 0; round < 10; round += 1) {
      await time.run(5_000);
      central.acknowledge();
    }
    await time.run(1_000);
    const { ledger } = agent.status();
    expect(ledger).toMatchObject({ evicted: 0, damaged: 0, queued: 0 });
    // The last ones wait for the watermark.
    expect(ledger.forwarded + ledger.open).toBe(40);
  });

  it("tells how much of the backlog it has made coarser, and of what time", async () => {
    const { agent, time, central, publish } = await bench({ bytesMax: 2_000 });
    central.isReachable = false;
    agent.start();
    for (let round = 0; round < 150; round += 1) {
      if (round === 5) expect(agent.status().disk.coarsened).toBeNull();
      void publish("factory/alpha/m1/level", "1");
      await time.run(10_000);
    }
    const { disk, ledger } = agent.status();
    expect(ledger).toMatchObject({ evicted: 0, aggregated: 150 });
    // Of six panes of 10 s one of a minute remains.
    expect(disk.coarsened?.rows).toBeGreaterThan(50);
    expect(disk.coarsened?.rows).toBeLessThan(125);
    expect(disk.coarsened?.startMs).toBeLessThanOrEqual(START_MS);
    expect(disk.coarsened?.endMs).toBeGreaterThan(START_MS + 600_000);
  });

  it("takes no more of a disk that is low, says so, and goes on once there is room", async () => {
    let free = 1 << 30;
    const { agent, time, central, publish } = await bench({ freeBytes: () => free });
    central.isReachable = false;
    agent.start();
    const run = async (rounds: number) => {
      for (let round = 0; round < rounds; round += 1) {
        void publish("factory/alpha/m1/level", "1");
        await time.run(10_000);
      }
      const { lanes, disk } = agent.status();
      return { bytes: lanes["backfill"]?.queuedBytes ?? 0, disk };
    };
    const before = await run(20);
    expect(before.disk).toMatchObject({ isLow: false, bytesLeft: (1 << 20) - before.bytes });
    expect(before.disk.hoursLeft).toBeGreaterThan(1);
    free = (1 << 20) - 1;
    const low = await run(200);
    expect(low.disk).toMatchObject({ isLow: true, bytesLeft: 0, freeBytes: free });
    expect(low.bytes).toBeLessThan(1.2 * before.bytes);
    free = 1 << 30;
    const again = await run(40);
    expect(again.disk.isLow).toBe(false);
    expect(again.bytes).toBeGreaterThan(1.5 * low.bytes);
  });

  it("gives up the oldest alarms of a flood beyond their share, keeps panes, and tells central", async () => {
    const bytesMax = 40_000;
    const store = new MemoryStore();
    const { agent, time, central, temperature, publish } = await bench({ store, bytesMax });
    central.isReachable = false;
    agent.start();
    for (let round = 0; round < 200; round += 1) {
      void publish("factory/alpha/m1/level", "1");
      void temperature(round % 2 === 0 ? 90 : 50);
      await time.run(1_000);
    }
    const { ledger, lanes } = agent.status();
    expect(ledger.alarmBatchesEvicted).toBeGreaterThan(0);
    // Ten seconds' alarms may stand above the share until it is looked at again.
    expect(lanes["alarm"]?.queuedBytes).toBeLessThan(bytesMax / 4 + 10_000);
    expect(lanes["alarm"]?.queuedBatches).toBeGreaterThan(10);
    expect(ledger).toMatchObject({ evicted: 0 });
    const again = await bench({ store: store.crash(), startMs: time.nowMs });
    expect(again.agent.status().ledger.alarmBatchesEvicted).toBe(ledger.alarmBatchesEvicted);
    again.agent.start();
    await again.time.run(2_000);
    again.central.acknowledge();
    await again.time.run(2_000);
    const [first, ...others] = again.central.batches.filter(({ lane }) => lane === "alarm");
    expect(first).toMatchObject({ kind: "skipped", sequence: 1, readingCount: 0 });
    expect(new Set(others.map(({ kind }) => kind))).toEqual(new Set(["alarms"]));
    expect(again.central.heartbeats.at(-1)?.ledger).toMatchObject({
      alarmBatchesEvicted: ledger.alarmBatchesEvicted,
    });
  });
});

describe("a link that is up and slower than the plant", () => {
  it("evicts what the link has not taken, of panes and of alarms", async () => {
    const bytesMax = 40_000;
    const { agent, time, central, temperature } = await bench({ bytesMax });
    agent.start();
    for (let round = 0; round < 600; round += 1) {
      void temperature(round % 2 === 0 ? 90 : 50);
      await time.run(500);
      // One in four.
      if (round % 4 === 0) central.acknowledge(1);
    }
    expect(agent.status().link.state).toBe("up");
    const { lanes, ledger } = agent.status();
    expect(ledger.evicted).toBeGreaterThan(0);
    expect(ledger.alarmBatchesEvicted).toBeGreaterThan(0);
    // In flight, marked to be sent next, and appended since the last look: at most so many batches of each lane.
    const batchesOver = 2 * config.uplink.inFlightBatchesMax + 2 * 10;
    const bytesOver = batchesOver * 500;
    expect(lanes["alarm"]?.queuedBytes).toBeLessThan(bytesMax / 4 + bytesOver);
    expect(lanes["live"]?.queuedBytes).toBeLessThan(bytesMax + bytesOver);
  });

  it("needs no second commit to send a live batch while the link keeps up", async () => {
    const store = new MemoryStore();
    const { agent, time, central, temperature } = await bench({ store });
    agent.start();
    void temperature(50);
    await time.run(2_000);
    central.acknowledge();
    await time.run(2_000);
    const [commitCount, batchCount] = [store.commitCount, central.batches.length];
    void temperature(51);
    await time.runUntil(() => central.batches.length > batchCount, 2_000);
    // The reading's own, and the batch's.
    expect(store.commitCount - commitCount).toBeLessThanOrEqual(2);
  });
});

describe("damage to what a crash left", () => {
  /** With an alarm, quarantined payloads, open panes and batches in it. */
  let damagedFrom: MemorySnapshot;
  beforeAll(async () => {
    const store = new MemoryStore();
    const { agent, time, central, temperature, publish } = await bench({ store });
    agent.start();
    await time.run(100);
    for (let round = 0; round < 3; round += 1) {
      void temperature(round === 1 ? 90 : 50);
      void publish("factory/alpha/m1/level", "1");
      void publish("factory/alpha/m1/level", "junk");
      await time.run(2_000);
      if (round === 0) central.acknowledge();
    }
    damagedFrom = store.snapshot();
  });

  /** Three commits of 2, 3 and 1 readings in open panes, with the watermark known; then a power cut. */
  async function crashed(): Promise<{ store: MemoryStore; entries: Uint8Array[] }> {
    const store = new MemoryStore();
    const { agent, time, central, temperature, publish } = await bench({ store });
    agent.start();
    void temperature(50);
    await time.run(2_000);
    central.acknowledge();
    await time.run(1_100);
    const before = entriesOf(store).length;
    for (const count of [2, 3, 1]) {
      for (let reading = 0; reading < count; reading += 1) void publish("factory/alpha/m1/level", "1");
      await time.run(5);
    }
    expect(agent.status().ledger).toMatchObject({ open: 6, forwarded: 1 });
    return { store: store.crash(), entries: entriesOf(store).slice(before) };
  }

  function entriesOf(store: MemoryStore): Uint8Array[] {
    const keys = [...store.snapshot().entries.keys()].map((text) =>
      Uint8Array.from(text, (character) => character.charCodeAt(0)),
    );
    return keys.filter(([prefix]) => prefix === PREFIX.redo).sort((a, b) => numberOfKey(a) - numberOfKey(b));
  }

  /** Starts on the store, with a central that holds so much of the live lane. */
  async function restarted(store: MemoryStore, startMs: number, live = 1) {
    const again = await bench({ store, startMs });
    again.central.marks = { alarm: 0, live, backfill: 0, evidence: 0 };
    again.agent.start();
    await again.time.run(2_000);
    again.central.acknowledge();
    await again.time.run(2_000);
    const skipped = again.central.batches.filter(({ kind }) => kind === "skipped");
    return { ...again, skipped };
  }

  function sum({ open, queued, forwarded, evicted, damaged }: AgentStatus["ledger"]): number {
    return open + queued + forwarded + evicted + damaged;
  }

  it("of a redo entry is told to central, with the readings and their time, and only once", async () => {
    const { store, entries } = await crashed();
    store.damage(entries[1], (value) => value.fill(0, 40, 45));
    const { agent, central, skipped } = await restarted(store, START_MS + 60_000);
    expect(skipped).toMatchObject([{ lane: "live", readingCount: 3 }]);
    expect(decodeSkippedBatch(skipped[0].body)).toMatchObject({ message: { reason: "damaged" } });
    // The readings are of about 3 s after the start; how late they were at most is not known.
    expect(skipped[0].startMs).toBeGreaterThan(START_MS - 15 * 60_000);
    expect(skipped[0].startMs).toBeLessThanOrEqual(START_MS);
    expect(skipped[0].endMs).toBeGreaterThan(START_MS + 3_200);
    expect(skipped[0].endMs).toBeLessThan(START_MS + 20_000);
    const { ledger } = agent.status();
    expect(ledger).toMatchObject({ received: 7, aggregated: 7, damaged: 3 });
    expect(sum(ledger)).toBe(7);
    // No frontier that promises more than those before the crash counts before central holds the batch.
    const [{ frontier: before }, ...frontiers] = central.heartbeats;
    expect(before.watermarkMs).toBe(START_MS - 5_000);
    for (const { frontier } of frontiers)
      expect(frontier.holds.live).toBeGreaterThanOrEqual(skipped[0].sequence);
    const third = await restarted(store.crash(), START_MS + 120_000, central.marks.live);
    expect(third.skipped).toEqual([]);
    expect(third.agent.status().ledger).toMatchObject({ aggregated: 7, damaged: 3 });
  });

  it("of the newest redo entry is told without a number, which no other entry knows", async () => {
    const { store, entries } = await crashed();
    store.damage(entries[2], (value) => value.fill(0, 40, 45));
    const { agent, skipped } = await restarted(store, START_MS + 60_000);
    expect(skipped).toMatchObject([{ lane: "live", readingCount: 0 }]);
    expect(skipped[0].endMs).toBeGreaterThan(START_MS + 60_000);
    const { ledger } = agent.status();
    expect(sum(ledger)).toBe(ledger.aggregated);
    expect(ledger).toMatchObject({ received: 6, aggregated: 6 });
  });

  it("of the newest redo entry, all of it checkpointed, is no loss: what is held counts as received", async () => {
    const store = new MemoryStore();
    const first = await bench({ store });
    first.agent.start();
    void first.publish("factory/alpha/m1/level", "1");
    await first.time.run(2_000);
    store.damage(entriesOf(store).at(-1)!, () => new Uint8Array(3));
    const { agent, skipped } = await restarted(store.crash(), START_MS + 60_000);
    expect(skipped).toEqual([]);
    const { ledger } = agent.status();
    expect(ledger).toMatchObject({ received: 1, aggregated: 1, damaged: 0 });
    expect(sum(ledger)).toBe(1);
  });

  it("of the panes' checkpoint is told for all time that may have been open", async () => {
    const { store } = await crashed();
    store.damage(checkpointKey("panes"), () => new Uint8Array(3));
    const { agent, skipped } = await restarted(store, START_MS + 60_000);
    expect(skipped).toMatchObject([{ lane: "live", readingCount: 6, startMs: config.limits.clockFloorMs }]);
    expect(skipped[0].endMs).toBeGreaterThan(START_MS + 60_000);
    expect(sum(agent.status().ledger)).toBe(7);
  });

  it("that nothing tells the extent of is told for all time that may have been open", async () => {
    const { store } = await crashed();
    const again = await bench({ store, startMs: START_MS + 60_000, hasLostCommits: true });
    again.central.marks = { alarm: 0, live: 1, backfill: 0, evidence: 0 };
    again.agent.start();
    await again.time.run(2_000);
    again.central.acknowledge();
    await again.time.run(2_000);
    const skipped = again.central.batches.filter(({ kind }) => kind === "skipped");
    expect(skipped).toMatchObject([{ lane: "live", readingCount: 0, startMs: config.limits.clockFloorMs }]);
    expect(skipped[0].endMs).toBeGreaterThan(START_MS + 60_000);
    expect(sum(again.agent.status().ledger)).toBe(7);
  });

  it("that took the redo log with the ledger: what is held counts as received, and the rest is told", async () => {
    const { store } = await crashed();
    const entries = new Map(
      [...store.snapshot().entries].filter(([key]) => key.charCodeAt(0) !== PREFIX.redo),
    );
    const again = await bench({ store: MemoryStore.restore({ entries }), hasLostCommits: true });
    const { ledger } = again.agent.status();
    expect(sum(ledger)).toBe(ledger.aggregated);
    expect(ledger.received).toBe(ledger.aggregated);
  });

  it.each(Array.from({ length: 300 }, (_, seed) => seed))(
    "of any value never refuses the start, seed %i",
    async (seed) => {
      const random = new SeededRandom(seed, "damage");
      const { entries } = damagedFrom;
      const store = MemoryStore.restore({ entries });
      for (const text of entries.keys()) {
        if (seed >= entries.size && random.chance(0.7)) continue;
        if (seed < entries.size && text !== [...entries.keys()][seed]) continue;
        const key = Uint8Array.from(text, (character) => character.charCodeAt(0));
        store.damage(key, (value) => {
          const flips = random.integer(1, 3);
          for (let flip = 0; flip < flips && value.length > 0; flip += 1)
            value[random.integer(0, value.length - 1)] ^= 1 << random.integer(0, 7);
          return value;
        });
      }
      const { agent, time } = await bench({ store, startMs: START_MS + 60_000 });
      agent.start();
      await time.run(3_000);
      expect(agent.status().store.failure).toBeNull();
    },
  );
});

const RULES = `
version: 1
metrics:
  temperature:
    unit: °C
    from:
      topic: factory/{site}/{machine}/temperature
      json: { value: $.t, time: { path: $.ts, unit: ms } }
windows: { w: { metric: temperature, size: 1s, by: [site] } }
rules:
  overheating:
    metric: temperature
    when: { above: 80, clearBelow: 75 }
    severity: 900
    action: { publish: "factory/{site}/{machine}/command", payload: STOP, latch: false, armed: true }
  silent:
    metric: temperature
    when: { missing: { for: 20s } }
    severity: 500
maintenance: { topic: "factory/{site}/{machine}/maintenance", equals: "yes", longest: 1h }
`;
const HOUR_MS = 3_600_000;

/** Steps of alarms that central was sent. */
function alarmsOf({ batches }: ScriptedCentral): readonly AlarmEvent[] {
  return batches
    .filter(({ kind }) => kind === "alarms")
    .flatMap((batch) => {
      const unpacked = unpackBody(batch, zstdCompression);
      const decoded = unpacked.ok ? decodeAlarmBatch(unpacked.body) : unpacked;
      return decoded.ok ? decoded.message : [];
    });
}

async function audits(store: MemoryStore): Promise<unknown[]> {
  const lines: unknown[] = [];
  for await (const { value } of store.range(prefixRange(PREFIX.audit)))
    lines.push(JSON.parse(new TextDecoder().decode(value)));
  return lines;
}

it("an audit trail that no commit takes keeps its newest lines", async () => {
  const store = new MemoryStore();
  const { agent, time, temperature } = await bench({ store, pipeline: RULES });
  agent.start();
  await time.run(500);
  store.failNextCommits(1_000_000);
  for (let number = 0; number < 12_000; number += 1) agent.audit({ number });
  temperature(90)?.catch(() => undefined);
  await time.run(1_000);
  store.failNextCommits(0);
  await time.run(20_000);
  const lines = await audits(store);
  expect(lines).toContainEqual(expect.objectContaining({ number: 11_999 }));
  expect(lines).toContainEqual(expect.objectContaining({ action: "commanded" }));
});

describe("maintenance, and series that fall silent", () => {
  it("by command: of one machine, for a time, over a crash, in the audit trail", async () => {
    const store = new MemoryStore();
    const first = await bench({ store, pipeline: RULES });
    first.agent.start();
    expect(first.agent.maintenance.begin({ machine: "m1" }, HOUR_MS, "status page")).toBe(true);
    await first.time.run(1_000);
    void first.temperature(90);
    await first.time.run(100);
    expect(first.commands).toEqual([]);
    expect(first.agent.status().alarms).toMatchObject([{ isSuppressed: true, action: "none" }]);

    const durable = store.crash();
    const second = await bench({ store: durable, pipeline: RULES, startMs: first.time.nowMs });
    second.agent.start();
    void second.temperature(91);
    void second.publish("factory/alpha/m2/temperature", JSON.stringify({ t: 90, ts: second.time.nowMs }));
    await second.time.run(100);
    expect(second.commands.map(({ topic }) => topic)).toEqual(["factory/alpha/m2/command"]);
    expect(second.agent.status().maintenance).toMatchObject([
      { labels: { machine: "m1" }, by: "status page" },
    ]);
    expect(await audits(durable)).toContainEqual(
      expect.objectContaining({ maintenance: "begun", labels: { machine: "m1" }, by: "status page" }),
    );

    // A reading that still breaks the limit acts once it is over; that of before does not.
    await second.time.run(HOUR_MS);
    expect(second.agent.status().maintenance).toEqual([]);
    expect(second.commands).toHaveLength(1);
    void second.temperature(92);
    await second.time.run(100);
    expect(second.commands.map(({ topic }) => topic)).toEqual([
      "factory/alpha/m2/command",
      "factory/alpha/m1/command",
    ]);
  });

  it("lasts as long over a restart with the clock an hour ahead, and no longer than it was to once central is heard", async () => {
    const store = new MemoryStore();
    const first = await bench({ store, pipeline: RULES });
    first.central.clockMs = () => Math.floor(first.time.nowMs);
    first.agent.start();
    await first.time.run(3_000);
    first.agent.maintenance.begin({ machine: "m1" }, HOUR_MS / 2, "anna");
    const endMs = first.time.nowMs + HOUR_MS / 2;
    await first.time.run(1_000);
    const startMs = first.time.nowMs + 60_000;
    const second = await bench({ store: store.crash(), pipeline: RULES, startMs, offsetMs: HOUR_MS });
    second.central.isReachable = false;
    second.central.clockMs = () => Math.floor(second.time.nowMs);
    second.agent.start();
    await second.time.run(60_000);
    void second.publish(
      "factory/alpha/m1/temperature",
      JSON.stringify({ t: 90, ts: second.time.nowMs + HOUR_MS }),
    );
    expect(second.commands).toEqual([]);
    expect(second.agent.status().maintenance).toHaveLength(1);
    second.wall.offsetMs = 0;
    second.central.isReachable = true;
    await second.time.run(60_000);
    const { clock, maintenance } = second.agent.status();
    expect(clock.isProven).toBe(true);
    expect(maintenance[0].untilMs).toBe(endMs);
  });

  it("a topic that was not believed any more is forgotten with the topic of the pipeline", async () => {
    const { agent, time, publish } = await bench({ pipeline: RULES });
    const receive = (payload: string) => void publish("factory/alpha/m1/maintenance", payload);
    agent.start();
    receive("yes");
    await time.run(HOUR_MS + 1_000);
    receive("yes");
    expect(agent.status().maintenance).toEqual([]);
    const other = RULES.replace("/maintenance", "/service");
    for (const text of [other, RULES])
      await time.during(
        agent.changePipeline(loadPipeline("/pipeline.yaml", { readFile: () => text }).config),
      );
    receive("yes");
    expect(agent.status().maintenance).toHaveLength(1);
  });

  it("is told to central, with or without an alarm, and who began and who ended it", async () => {
    const { agent, time, central, temperature } = await bench({ pipeline: RULES });
    agent.start();
    void temperature(90);
    await time.run(100);
    expect(central.heartbeats.at(-1)?.maintenance).toBeUndefined();
    const sinceMs = time.nowMs;
    agent.maintenance.begin({ machine: "m1" }, HOUR_MS, "anna");
    agent.maintenance.begin({ machine: "m7" }, HOUR_MS, "anna");
    await time.run(1_000);
    expect(central.heartbeats.at(-1)).toMatchObject({
      maintenance: [
        { labels: { machine: "m1" }, sinceMs, untilMs: sinceMs + HOUR_MS, by: "anna" },
        { labels: { machine: "m7" }, sinceMs, untilMs: sinceMs + HOUR_MS, by: "anna" },
      ],
      status: { maintenances: 2 },
    });
    agent.maintenance.end({ machine: "m7" }, "ben");
    expect(alarmsOf(central).at(-1)).toMatchObject({ isSuppressed: true, by: "anna" });
    agent.maintenance.end({ machine: "m1" }, "ben");
    await time.run(1_000);
    expect(alarmsOf(central).at(-1)).toMatchObject({ by: "ben" });
    expect(alarmsOf(central).at(-1)).not.toHaveProperty("isSuppressed");
    void temperature(60);
    await time.run(1_000);
    expect(alarmsOf(central).at(-1)).not.toHaveProperty("by");
  });

  it("ended by hand: what was not begun is not ended", async () => {
    const { agent, time, commands, temperature } = await bench({ pipeline: RULES });
    agent.start();
    agent.maintenance.begin({ machine: "m1" }, HOUR_MS, "a");
    expect(agent.maintenance.end({ machine: "m2" }, "a")).toBe(false);
    expect(agent.maintenance.end({ machine: "m1" }, "a")).toBe(true);
    void temperature(90);
    await time.run(100);
    expect(commands).toHaveLength(1);
    agent.maintenance.begin({}, HOUR_MS, "a");
    expect(agent.maintenance.end("all", "a")).toBe(true);
  });

  it("by a retained topic: until it says otherwise, of the agent's own site only", async () => {
    const { agent, time, commands, publish, temperature } = await bench({ pipeline: RULES });
    agent.start();
    void publish("factory/beta/m1/maintenance", "yes", true);
    expect(agent.status().maintenance).toEqual([]);
    void publish("factory/alpha/m1/maintenance", "yes", true);
    expect(agent.subscriptions().ownFilters).toContain("factory/+/+/maintenance");
    void temperature(90);
    await time.run(100);
    expect(commands).toEqual([]);
    void publish("factory/alpha/m1/maintenance", "no");
    void temperature(91);
    await time.run(100);
    expect(commands).toHaveLength(1);
    expect(agent.status().ledger.rejected.unknown_topic).toBe(0);
  });

  it("a series that falls silent is missed, by time alone, whatever the wall clock does; and not after a restart at once", async () => {
    const store = new MemoryStore();
    const first = await bench({ store, pipeline: RULES });
    first.agent.start();
    void first.temperature(20);
    await first.time.run(15_000);
    first.wall.offsetMs = HOUR_MS;
    await first.time.run(2_000);
    expect(first.agent.status().alarms).toEqual([]);
    first.wall.offsetMs = 0;
    await first.time.run(5_000);
    expect(first.agent.status().alarms).toMatchObject([{ rule: "silent", isHistorical: false, unit: "s" }]);
    void first.temperature(21);
    await first.time.run(5_000);
    expect(first.agent.status().alarms).toEqual([]);

    const second = await bench({
      store: store.crash(),
      pipeline: RULES,
      startMs: first.time.nowMs + HOUR_MS,
    });
    second.agent.start();
    await second.time.run(15_000);
    expect(second.agent.status().alarms).toEqual([]);
    await second.time.run(10_000);
    expect(second.agent.status().alarms).toMatchObject([{ rule: "silent" }]);
  });
});

describe("rules on time, whatever the live interval", () => {
  it("are told of it four times a second: a retry and a silence wait for no pane", async () => {
    const { agent, time, temperature } = await bench({ pipeline: RULES, liveIntervalMs: 60_000 });
    agent.start();
    void temperature(20);
    await time.run(21_000);
    expect(agent.status().alarms).toMatchObject([{ rule: "silent" }]);
  });

  it("a maintenance that ends by itself is in the audit trail; a retired series is forgotten", async () => {
    const { agent, time, store, temperature } = await bench({ pipeline: RULES });
    agent.start();
    agent.maintenance.begin({ machine: "m1" }, 5_000, "a");
    void temperature(20);
    await time.run(25_000);
    const audits: unknown[] = [];
    for await (const { value } of store.range(prefixRange(PREFIX.audit)))
      audits.push(JSON.parse(new TextDecoder().decode(value)));
    expect(audits).toContainEqual(
      expect.objectContaining({ maintenance: "ended", labels: { machine: "m1" }, by: "its time was over" }),
    );
    expect(agent.status().alarms).toHaveLength(1);
    expect(agent.forgetSeries({ machine: "m2" }, "a")).toEqual({ forgottenCount: 0 });
    expect(agent.forgetSeries({ machine: "m1" }, "a")).toEqual({ forgottenCount: 1 });
    expect(agent.status().alarms).toEqual([]);
    await time.run(60_000);
    expect(agent.status().alarms).toEqual([]);
  });
});

const WINDOW_RULE = `${PIPELINE.slice(0, PIPELINE.indexOf("rules:"))}  machine_10s: { metric: temperature, size: 10s, by: [machine] }
rules:
  hot_window:
    window: machine_10s
    value: max
    when: { above: 80 }
    severity: 500
    action: { publish: "stop/{machine}", payload: STOP, armed: true, latch: false }
`;

describe("a rule on windows", () => {
  type Bench = Awaited<ReturnType<typeof bench>>;
  /** A reading a second, up to the second before `untilS` after the start; hot in seconds `hotS`. */
  async function send({ time, temperature }: Bench, seconds: number, hotS: readonly number[] = []) {
    for (let i = 0; i < seconds; i += 1) {
      const atS = Math.round((time.nowMs - START_MS) / 1000);
      void temperature(hotS.includes(atS) ? 90 : 20);
      await time.run(1_000);
    }
  }

  it("is judged when the watermark passes the window's end, and acts, with the link down", async () => {
    const one = await bench({ pipeline: WINDOW_RULE });
    one.central.isReachable = false;
    one.agent.start();
    await send(one, 15, [3]);
    expect(one.agent.status().alarms).toEqual([]);
    await send(one, 1);
    expect(one.agent.status().alarms).toMatchObject([
      {
        rule: "hot_window",
        metric: "temperature",
        labels: { machine: "m1" },
        value: 90,
        timeMs: START_MS + 10_000,
        isHistorical: false,
        action: "commanded",
      },
    ]);
    expect(one.commands.map(({ topic }) => topic)).toEqual(["stop/m1"]);
    // No reading's arrival is measured: the watermark came by.
    expect(one.agent.status().actionLatency).toBe(null);
    await send(one, 10);
    expect(one.agent.status().alarms).toEqual([]);
    expect(one.commands).toHaveLength(1);
  });

  it("is ended by hand for a group that has fallen silent, and not while one of its series speaks", async () => {
    const one = await bench({ pipeline: WINDOW_RULE });
    one.agent.start();
    await send(one, 17, [3, 12]);
    expect(one.agent.forgetSeries({ machine: "m1" }, "a")).toEqual({ forgottenCount: 0 });
    await one.time.run(120_000);
    expect(one.agent.status().alarms).toHaveLength(1);
    expect(one.agent.resetAlarms("all", "a")).toEqual({ resetCount: 0 });
    expect(one.agent.forgetSeries({ machine: "m2" }, "a")).toEqual({ forgottenCount: 0 });
    expect(one.agent.forgetSeries({ machine: "m1" }, "a")).toEqual({ forgottenCount: 1 });
    expect(one.agent.status().alarms).toEqual([]);
    const hotS = Math.round((one.time.nowMs - START_MS) / 1000) + 5;
    await send(one, 20, [hotS]);
    expect(one.agent.status().alarms).toMatchObject([{ isHistorical: false, value: 90 }]);
  });

  it("a revision of the newest window raises, and never acts; the next window does", async () => {
    const one = await bench({ pipeline: WINDOW_RULE });
    one.agent.start();
    await send(one, 17);
    void one.temperature(95, START_MS + 4_000);
    await send(one, 1);
    expect(one.agent.status().alarms).toMatchObject([{ value: 95, isHistorical: true, action: "none" }]);
    expect(one.commands).toEqual([]);
    await send(one, 9, [18]);
    expect(one.agent.status().alarms).toMatchObject([{ isHistorical: false, action: "commanded" }]);
    expect(one.commands).toHaveLength(1);
  });

  it("a crash loses no reading of an open window, and what was judged before is not acted upon again", async () => {
    const store = new MemoryStore();
    const first = await bench({ store, pipeline: WINDOW_RULE });
    first.agent.start();
    await send(first, 24, [3, 12]);
    expect(first.commands).toHaveLength(1);
    const second = await bench({ store: store.crash(), pipeline: WINDOW_RULE, startMs: first.time.nowMs });
    second.agent.start();
    await send(second, 1);
    expect(second.agent.status().alarms).toMatchObject([{ rule: "hot_window", value: 90, step: 1 }]);
    await send(second, 11);
    expect(second.agent.status().alarms).toEqual([]);
    expect(second.commands).toEqual([]);

    const third = await bench({ pipeline: WINDOW_RULE, store: new MemoryStore() });
    third.agent.start();
    await send(third, 8, [3]);
    const fourth = await bench({
      store: third.store instanceof MemoryStore ? third.store.crash() : third.store,
      pipeline: WINDOW_RULE,
      startMs: third.time.nowMs,
    });
    fourth.agent.start();
    await send(fourth, 9);
    expect(fourth.commands.map(({ topic }) => topic)).toEqual(["stop/m1"]);
  });

  /** Hot, and passed by the last reading: the rules have not been told of that. */
  async function passedUnjudged() {
    const one = await bench({ pipeline: WINDOW_RULE });
    one.agent.start();
    await send(one, 15, [3]);
    await one.time.run(100);
    void one.temperature(20);
    await one.time.run(20);
    const store = one.store as MemoryStore;
    const restarted = () =>
      bench({ pipeline: WINDOW_RULE, store: store.crash(), startMs: one.time.nowMs + 500 }).then((again) => {
        again.agent.start();
        return again;
      });
    return { ...one, restarted };
  }

  it("one that was passed and not judged when the process died is judged by the next, as history", async () => {
    const before = await passedUnjudged();
    expect(before.agent.status().alarms).toEqual([]);
    const { agent, commands, time, store } = await before.restarted();
    const alarm = { rule: "hot_window", value: 90, timeMs: START_MS + 10_000, isHistorical: true };
    expect(agent.status().alarms).toMatchObject([alarm]);
    await time.run(100);
    // It is in the store: the one after that tells nothing anew.
    const after = (bytes: Store, startMs: number) =>
      bench({ pipeline: WINDOW_RULE, store: (bytes as MemoryStore).crash(), startMs });
    const third = await after(store, time.nowMs);
    expect(third.agent.status().alarms).toEqual(agent.status().alarms);
    third.agent.start();
    await send(third, 11, [16]);
    expect([commands, third.commands]).toEqual([[], [{ topic: "stop/m1", payload: expect.any(String) }]]);
    const fourth = await after(third.store, third.time.nowMs);
    expect(fourth.agent.status().rules).toMatchObject({ late: 0 });
  });

  it("that is new at a start judges none that was passed before", async () => {
    const first = await bench({ pipeline: WINDOW_RULE });
    first.agent.start();
    await send(first, 24, [3, 12]);
    const store = (first.store as MemoryStore).crash();
    const pipeline = WINDOW_RULE.replace("hot_window:", "warm_window:");
    const { agent } = await bench({ pipeline, store, startMs: first.time.nowMs });
    expect(agent.status().alarms).toEqual([]);
  });

  it("one that was passed is judged at an orderly stop, and acts", async () => {
    const { agent, central, time, commands, restarted } = await passedUnjudged();
    central.isReachable = false;
    central.hangUp();
    await time.during(agent.stop(0));
    expect(commands.map(({ topic }) => topic)).toEqual(["stop/m1"]);
    const again = await restarted();
    await again.time.run(1_000);
    expect(again.agent.status().alarms).toEqual(agent.status().alarms);
    expect(again.commands).toEqual([]);
  });

  it("what comes of a backlog makes historical alarms", async () => {
    const one = await bench({ pipeline: WINDOW_RULE });
    one.agent.start();
    for (let at = 0; at < 20; at += 1) void one.temperature(90, START_MS - 60_000 + at * 1000);
    await one.time.run(40_000);
    expect(one.commands).toEqual([]);
  });
});

describe("evidence", () => {
  const WITH_EVIDENCE = `${PIPELINE}
evidence:
  waveform:
    topic: "factory/{site}/{machine}/waveform/{at}"
    time: { capture: at, unit: ms }
    bytesMax: 300kB
  image: { topic: "factory/{site}/{machine}/image", contentType: image/jpeg }
`;
  const topic = `factory/alpha/m1/waveform/${START_MS}`;
  const partsOf = (central: ScriptedCentral) =>
    central.batches.flatMap((batch) => {
      if (batch.kind !== "evidence") return [];
      const body = unpackBody(batch, zstdCompression);
      const part = body.ok ? decodeEvidencePart(body.body) : body;
      return part.ok ? [part.message] : [];
    });

  it("is acknowledged once all its parts are durable, whatever the limit for readings, and sent in order", async () => {
    const { agent, time, central, publish } = await bench({ pipeline: WITH_EVIDENCE });
    agent.start();
    await time.run(100);
    const payload = "x".repeat(290_000);
    let isAcknowledged = false;
    void publish(topic, payload)?.then(() => (isAcknowledged = true));
    await time.run(4);
    expect(isAcknowledged).toBe(false);
    expect(agent.status().lanes["evidence"]?.queuedBatches).toBe(4);
    await time.run(1_000);
    expect(isAcknowledged).toBe(true);
    const parts = partsOf(central);
    expect(parts.map(({ part }) => part)).toEqual([0, 1, 2, 3, 4]);
    expect(Buffer.concat(parts.map(({ data }) => data)).toString()).toBe(payload);
    expect(parts[0].manifest).toMatchObject({
      name: "waveform",
      labels: { site: "alpha", machine: "m1" },
      startMs: START_MS,
      endMs: START_MS,
    });
    expect(agent.status().ledger).toMatchObject({ received: 0, evidencePartsSealed: 5 });
    central.acknowledge();
    await time.run(2_000);
    expect(agent.status().lanes["evidence"]).toMatchObject({ acked: 5, queuedBatches: 0 });
  });

  it("what cannot be kept is rejected, acknowledged and counted like a reading", async () => {
    const { agent, time, publish } = await bench({ pipeline: WITH_EVIDENCE });
    agent.start();
    await time.run(100);
    const reasonOf = async (to: string, bytes: number) => {
      const rejection = await time.during(publish(to, "x".repeat(bytes)) ?? Promise.resolve());
      return rejection === undefined ? undefined : rejection.reason;
    };
    expect(await reasonOf(topic, 300_001)).toBe("oversized");
    expect(await reasonOf("factory/alpha/m1/image", 600_000)).toBe("oversized");
    expect(await reasonOf("factory/beta/m1/image", 10)).toBe("wrong_site");
    expect(await reasonOf("factory/alpha/m1/waveform/noon", 10)).toBe("bad_time");
    expect(await reasonOf(`factory/alpha/m1/waveform/${START_MS + DAY_MS}`, 10)).toBe("future");
    expect(await reasonOf("factory/alpha/m1/waveform/1000", 10)).toBe("before_floor");
    expect(await reasonOf(topic, 0)).toBeUndefined();
    expect(agent.status().ledger).toMatchObject({
      received: 6,
      evidencePartsSealed: 1,
      rejected: { oversized: 2, wrong_site: 1, bad_time: 1, future: 1, before_floor: 1 },
    });
  });

  it("while the disk is low it makes way for readings", async () => {
    const { agent, time, publish } = await bench({ pipeline: WITH_EVIDENCE, freeBytes: () => 1_000 });
    agent.start();
    await time.run(11_000);
    const rejection = await time.during(publish(topic, "x") ?? Promise.resolve());
    expect(rejection).toMatchObject({ reason: "no_room" });
  });

  it("while the store takes no writes nothing is acknowledged, and nothing is lost", async () => {
    const store = new MemoryStore();
    const { agent, time, publish } = await bench({ pipeline: WITH_EVIDENCE, store });
    agent.start();
    await time.run(100);
    store.failNextCommits(5);
    let isAcknowledged = false;
    void publish(topic, "x".repeat(290_000))?.then(() => (isAcknowledged = true));
    await time.run(200);
    expect(isAcknowledged).toBe(false);
    expect(await time.runUntil(() => isAcknowledged, 60_000)).toBe(true);
    expect(agent.status().ledger.evidencePartsSealed).toBe(5);
  });

  it("with its own time it is one piece however often it is sent; without, each arrival is one", async () => {
    const { agent, time, central, publish } = await bench({ pipeline: WITH_EVIDENCE });
    agent.start();
    await time.run(100);
    for (let count = 0; count < 2; count += 1) {
      await time.during(publish(topic, "same") ?? Promise.resolve());
      await time.during(publish("factory/alpha/m1/image", "same") ?? Promise.resolve());
    }
    await time.run(1_000);
    const ids = partsOf(central).map(({ manifest }) => `${manifest.name} ${manifest.id}`);
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(3);
  });

  it("with QoS 0 the payload is the input's again at once", async () => {
    const { agent, time, central } = await bench({ pipeline: WITH_EVIDENCE });
    agent.start();
    await time.run(100);
    const payload = new TextEncoder().encode("before");
    const arrival = { topic, payload, isRetained: false, isOversized: false, qos: 0, client: "c" } as const;
    expect(agent.receive({ ...arrival, arrivedMonotonicMs: time.nowMs })).toBeUndefined();
    payload.fill(0);
    await time.run(1_000);
    expect(partsOf(central).map(({ data }) => Buffer.from(data).toString())).toEqual(["before"]);
  });

  it("a central from before evidence gets none; it waits for one that takes it", async () => {
    const { agent, time, central, publish, temperature } = await bench({ pipeline: WITH_EVIDENCE });
    central.takesEvidence = false;
    agent.start();
    await time.run(100);
    await time.during(publish(topic, "x") ?? Promise.resolve());
    await time.during(temperature(20) ?? Promise.resolve());
    await time.run(2_000);
    expect(central.batches.map(({ lane }) => lane)).toContain("live");
    expect(partsOf(central)).toEqual([]);
    central.acknowledge();
    central.takesEvidence = true;
    central.hangUp();
    await time.run(5_000);
    expect(partsOf(central)).toHaveLength(1);
  });

  it("a stop with a great payload under way makes it durable first", async () => {
    const store = new MemoryStore();
    const { agent, time, central, publish } = await bench({ pipeline: WITH_EVIDENCE, store });
    central.isReachable = false;
    agent.start();
    await time.run(100);
    let isAcknowledged = false;
    void publish(topic, "x".repeat(290_000))?.then(() => (isAcknowledged = true));
    await time.during(agent.stop(1_000));
    expect(isAcknowledged).toBe(true);
    const again = await bench({ pipeline: WITH_EVIDENCE, store: store.restart() });
    expect(again.agent.status().lanes["evidence"]?.queuedBatches).toBe(5);
  });
});
