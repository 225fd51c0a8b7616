// The agent as a Sparkplug host, without sockets: births, data, gaps and deaths become readings, panes, alarms and requests.
import { loadPipeline } from "@millrace/config";
import { MemoryStore } from "@millrace/queue";
import { Metrics, silentLogger, zstdCompression } from "@millrace/runtime";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import {
  decodePaneBatch,
  encodeMessage,
  openBatch,
  parseHeartbeat,
  parseSparkplugPayload,
  SPARKPLUG_TYPES,
  type SparkplugType,
  unpackBody,
  type UplinkHandlers,
} from "@millrace/wire";
import protobuf from "sparkplug-payload/lib/sparkplugPayloadProto.js";
import { describe, expect, it } from "vitest";
import { TEST_AGENT_CONFIG } from "../agent-config.test-support.ts";
import { Agent } from "../agent.ts";

const { Payload } = protobuf.org.eclipse.tahu.protobuf;
type TahuMetric = protobuf.org.eclipse.tahu.protobuf.Payload.IMetric;

const START_MS = Date.UTC(2026, 0, 5, 8);
const session: TahuMetric = {
  name: "bdSeq",
  datatype: SPARKPLUG_TYPES.indexOf("Int64"),
  longValue: 3,
};
const PIPELINE = `
version: 1
metrics:
  temperature:
    unit: °C
    from: { sparkplug: { group: "{site}", node: "{line}", device: "{machine}", metric: "Motor/{motor}/Temperature" }, scale: 0.1 }
    accumulate: [count, sum]
    live: true
  load:
    unit: "%"
    from: { sparkplug: { group: "{site}", node: "{line}", metric: Load } }
    accumulate: [count, sum]
windows:
  temperature_10s: { metric: temperature, size: 10s, by: [site] }
  load_10s: { metric: load, size: 10s, by: [site] }
rules:
  overheating:
    metric: temperature
    when: { above: 80 }
    severity: 900
    action: { publish: "factory/{line}/{machine}/command", payload: STOP, armed: true }
  silent:
    metric: load
    when: { missing: { for: 60s } }
    severity: 500
`;
const typeOf = (type: SparkplugType) => SPARKPLUG_TYPES.indexOf(type);

async function bench(store = new MemoryStore(), startMs = START_MS, wall = { offsetMs: 0 }) {
  const time = new SimulatedTime(startMs);
  const commands: string[] = [];
  const asked: { topic: string; names: (string | undefined)[] }[] = [];
  let onlineCount = 0;
  const batches: Uint8Array[] = [];
  let handlers: UplinkHandlers | undefined;
  const agent = await Agent.open({
    config: TEST_AGENT_CONFIG,
    pipeline: loadPipeline("/pipeline.yaml", { readFile: () => PIPELINE }).config,
    store,
    hasLostCommits: false,
    clock: time.clock({ offsetMs: () => wall.offsetMs }),
    random: new SeededRandom(1),
    log: silentLogger,
    metrics: new Metrics(),
    compression: zstdCompression,
    transport: {
      bufferedBytes: 0,
      connect(given) {
        handlers = given;
        queueMicrotask(() => given.opened());
      },
      send(topic, payload) {
        const marks = { alarm: 0, live: 0, backfill: 0 };
        const welcome = { type: "welcome", epoch: 1, wireVersion: 1, marks, clockMs: time.nowMs } as const;
        if (topic === "hello") queueMicrotask(() => handlers?.message("welcome", encodeMessage(welcome)));
        if (topic === "batch") batches.push(payload.slice());
        const heartbeat = topic === "heartbeat" ? parseHeartbeat(payload) : undefined;
        if (heartbeat?.ok === true) {
          const echo = { type: "echo", beat: heartbeat.message.beat, clockMs: time.nowMs } as const;
          queueMicrotask(() => handlers?.message("echo", encodeMessage(echo)));
        }
        return true;
      },
      close: () => {},
    },
    instance: "test",
    program: "test",
    unavailableSensors: () => ({}),
    publish: (topic, payload) => {
      commands.push(`${topic} ${payload}`);
      return Promise.resolve();
    },
    sparkplug: {
      command(topic, payload) {
        const parsed = parseSparkplugPayload(payload);
        asked.push({ topic, names: parsed.ok ? parsed.message.metrics.map(({ name }) => name) : [] });
      },
      sayOnline: () => onlineCount++,
    },
  });
  const receive = (topic: string, payload: Uint8Array, qos: 0 | 1 = 0) =>
    agent.receive({
      topic: `spBv1.0/${topic}`,
      payload,
      isRetained: false,
      isOversized: false,
      qos,
      client: "node",
      arrivedMonotonicMs: time.nowMs,
    });
  /** A metric's time is now, where it has none. */
  const publish = (topic: string, seq: number | undefined, ...metrics: TahuMetric[]) =>
    receive(
      topic,
      Payload.encode(
        Payload.create({
          timestamp: time.nowMs,
          ...(seq === undefined ? {} : { seq }),
          metrics: metrics.map((metric) => ({ timestamp: time.nowMs, ...metric })),
        }),
      ).finish(),
    );
  const bear = () => {
    void publish("alpha/NBIRTH/l1", 0, session, {
      name: "Load",
      alias: 1,
      datatype: typeOf("Int16"),
      intValue: 50,
    });
    void publish("alpha/DBIRTH/l1/m1", 1, {
      name: "Motor/drive/Temperature",
      alias: 2,
      datatype: typeOf("Int32"),
      intValue: 200,
    });
  };
  /** Sums over all panes that have left: good readings, their sum, and those counted as bad beside them. */
  const panes = (metric: string) => {
    const total = { count: 0, sum: 0, bad: 0, labels: new Set<string>() };
    const seen = new Set<string>();
    for (const bytes of batches) {
      const opened = openBatch(bytes);
      if (!opened.ok || opened.batch.kind !== "panes") continue;
      // None is acknowledged here, so they are sent again.
      const key = `${opened.batch.lane} ${opened.batch.sequence}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const body = unpackBody(opened.batch, zstdCompression);
      const decoded = body.ok ? decodePaneBatch(body.body) : body;
      if (!decoded.ok) throw new Error(decoded.detail);
      for (const { metric: name, layout, rowCount, state, series } of decoded.message.sections) {
        if (name !== metric) continue;
        for (const labels of series) total.labels.add(JSON.stringify(sorted(labels)));
        for (let row = 0; row < rowCount; row++) {
          for (const [index, { name: part }] of layout.accumulators.entries()) {
            const at = row * layout.stride + layout.offsets[index];
            if (part === "count") total.count += state[at];
            if (part === "sum") total.sum += state[at];
            if (part === "beside") total.bad += state[at + 1];
          }
        }
      }
    }
    return { ...total, labels: [...total.labels] };
  };
  return {
    agent,
    time,
    commands,
    asked,
    publish,
    receive,
    bear,
    panes,
    store,
    onlineCount: () => onlineCount,
  };
}

function sorted(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

const heat = (intValue: number): TahuMetric => ({ alias: 2, intValue });

describe("readings", () => {
  it("of births and of data by alias are in panes, converted, under the labels of group, node, device and name", async () => {
    const { agent, time, publish, bear, panes, asked } = await bench();
    agent.start();
    await time.run(100);
    bear();
    await time.run(100);
    void publish("alpha/DDATA/l1/m1", 2, heat(300));
    void publish("alpha/NDATA/l1", 3, { alias: 1, intValue: 0xfff6 });
    await time.run(100);
    await agent.stop(0);
    expect(panes("temperature")).toEqual({
      count: 2,
      sum: 50,
      bad: 0,
      labels: ['{"line":"l1","machine":"m1","motor":"drive","site":"alpha"}'],
    });
    expect(panes("load")).toMatchObject({ count: 2, sum: 40 });
    expect(agent.status()).toMatchObject({
      ledger: { received: 4, aggregated: 4 },
      sparkplug: {
        nodesOnline: 1,
        nodes: [{ node: "l1", devicesOnline: 1 }],
        events: { rebirth_request: 0 },
      },
    });
    expect(asked).toEqual([]);
  });

  it("wait where the agent's clock is behind, under the alias of a birth that was followed at once", async () => {
    const wall = { offsetMs: -3_600_000 };
    const { agent, time, publish, bear, panes, asked, commands } = await bench(undefined, undefined, wall);
    agent.start();
    await time.run(100);
    bear();
    void publish("alpha/DDATA/l1/m1", 2, heat(900));
    await time.run(100);
    expect(agent.status()).toMatchObject({
      ledger: { received: 3, held: 3 },
      sparkplug: { nodesOnline: 1, nodes: [{ node: "l1", devicesOnline: 1 }] },
    });
    expect(commands).toHaveLength(1);
    // Another birth, of other aliases.
    void publish("alpha/DBIRTH/l1/m1", 3, { ...heat(0), name: "Other", datatype: typeOf("Int32") });
    wall.offsetMs = 0;
    await time.run(5_000);
    await agent.stop(0);
    expect(panes("temperature")).toMatchObject({ count: 2, sum: 110 });
    expect(panes("load")).toMatchObject({ count: 1, sum: 50 });
    expect(agent.status().ledger).toMatchObject({ held: 0, rejected: { future: 0 } });
    expect(asked).toEqual([]);
    expect(commands).toHaveLength(1);
  });

  it("act like any other, unless they are historical or not good", async () => {
    const { agent, time, publish, bear, commands } = await bench();
    agent.start();
    bear();
    void publish("alpha/DDATA/l1/m1", 2, { ...heat(900), isHistorical: true });
    await time.run(100);
    expect(commands).toEqual([]);
    expect(agent.status().alarms).toMatchObject([{ rule: "overheating", isHistorical: true }]);
    const quality = (intValue: number) => ({ keys: ["Quality"], values: [{ type: 3, intValue }] });
    void publish("alpha/DDATA/l1/m1", 3, { ...heat(910), properties: quality(500) });
    void publish("alpha/DDATA/l1/m1", 4, { ...heat(920), properties: quality(0) });
    await time.run(100);
    expect(commands).toEqual([]);
    void publish("alpha/DDATA/l1/m1", 5, { ...heat(930), properties: quality(192) });
    await time.run(100);
    expect(commands).toHaveLength(1);
    expect(commands[0]).toContain("factory/l1/m1/command");
  });

  it("that are none are counted by reason, and no other suffers", async () => {
    const { agent, time, publish, receive } = await bench();
    agent.start();
    const metrics: TahuMetric[] = [
      { name: "Motor/a/Temperature", datatype: typeOf("String"), stringValue: "hot" },
      { name: "Motor/b/Temperature", datatype: typeOf("DataSet"), datasetValue: { numOfColumns: 0 } },
      { name: "Motor/c/Temperature", datatype: typeOf("Template"), templateValue: { isDefinition: true } },
      { name: "Motor/d/Temperature", datatype: typeOf("Float"), isNull: true },
      { name: "Motor/e/Temperature", datatype: typeOf("Float"), floatValue: Number.POSITIVE_INFINITY },
      { name: "Motor/f/Temperature", datatype: typeOf("Float"), floatValue: 200 },
    ];
    void publish("alpha/NBIRTH/l1", 0, session);
    void publish("alpha/DBIRTH/l1/m1", 1, ...metrics);
    void receive("alpha/DDATA/l1/m1", Uint8Array.of(0x12, 0xff));
    void receive("alpha/DDATA/l1", Uint8Array.of());
    void receive("beta/NBIRTH/l1", Uint8Array.of());
    void receive(`alpha/NBIRTH/${"l".repeat(2_000)}`, Uint8Array.of());
    expect(agent.status().quarantine.at(-1)).toMatchObject({
      reason: "oversized",
      detail: expect.stringContaining("edge node or device has over"),
    });
    void receive("alpha/NBIRTH/l1", new Uint8Array(1 << 21));
    await time.run(100);
    expect(agent.status().ledger).toMatchObject({
      received: 11,
      aggregated: 1,
      rejected: {
        not_numeric: 3,
        null_value: 1,
        not_finite: 1,
        malformed: 1,
        unknown_topic: 1,
        wrong_site: 1,
        oversized: 2,
      },
    });
  });

  it("wait for the disk where QoS 1 asks for it", async () => {
    const { agent, time, receive } = await bench();
    agent.start();
    const load = { name: "Load", datatype: typeOf("Float"), floatValue: 1, timestamp: time.nowMs };
    const metrics = [session, load];
    const taken = receive("alpha/NBIRTH/l1", Payload.encode(Payload.create({ seq: 0, metrics })).finish(), 1);
    expect(await time.during(taken ?? Promise.reject(new Error("not waited for")))).toBeUndefined();
  });
});

describe("requests", () => {
  it("for births go to a node whose data come without one: after a restart of the agent", async () => {
    const first = await bench();
    first.agent.start();
    first.bear();
    await first.time.run(100);
    await first.agent.stop(0);
    const second = await bench(first.store, first.time.nowMs + 60_000);
    second.agent.start();
    void second.publish("alpha/DDATA/l1/m1", 9, heat(300));
    await second.time.run(100);
    expect(second.asked).toEqual([{ topic: "spBv1.0/alpha/NCMD/l1", names: ["Node Control/Rebirth"] }]);
    expect(second.agent.status().ledger.rejected.no_birth).toBe(1);
    second.bear();
    void second.publish("alpha/DDATA/l1/m1", 2, heat(310));
    await second.time.run(100);
    await second.agent.stop(0);
    // The first run's birth is sent again: nobody has acknowledged it.
    expect(second.panes("temperature")).toMatchObject({ count: 3, sum: 71 });
  });

  it("come once the reorder timeout after a gap is over", async () => {
    const { agent, time, publish, bear, asked } = await bench();
    agent.start();
    bear();
    void publish("alpha/DDATA/l1/m1", 3, heat(300));
    await time.run(1_900);
    expect(asked).toEqual([]);
    await time.run(400);
    expect(asked).toHaveLength(1);
    expect(agent.status().sparkplug?.events).toMatchObject({ sequence_gap: 1, rebirth_request: 1 });
  });

  it("to say that this host is online are answered, for no other host", async () => {
    const { receive, onlineCount } = await bench();
    const state = (text: string) => new TextEncoder().encode(text);
    void receive("STATE/other", state('{"online":false,"timestamp":1}'));
    void receive("STATE/alpha", state('{"online":true,"timestamp":1}'));
    expect(onlineCount()).toBe(0);
    void receive("STATE/alpha", state('{"online":false,"timestamp":1}'));
    void receive("STATE/alpha", state(""));
    expect(onlineCount()).toBe(2);
  });
});

describe("a death", () => {
  it("counts a bad reading for each series, and to a rule that misses readings it is none", async () => {
    const { agent, time, publish, bear, panes } = await bench();
    agent.start();
    bear();
    await time.run(50_000);
    void publish("alpha/NDEATH/l1", undefined, { name: "bdSeq", datatype: typeOf("Int64"), longValue: 3 });
    await time.run(9_000);
    expect(agent.status().alarms).toEqual([]);
    await time.run(2_000);
    expect(agent.status().alarms).toMatchObject([{ rule: "silent" }]);
    expect(agent.status().sparkplug).toMatchObject({
      nodesOnline: 0,
      nodesOffline: 1,
      events: { stale_series: 2 },
    });
    await agent.stop(0);
    expect([panes("load"), panes("temperature")]).toMatchObject([
      { count: 1, bad: 1 },
      { count: 1, bad: 1 },
    ]);
    expect(agent.status().ledger).toMatchObject({ received: 4, aggregated: 4 });
  });

  it("is in the panes after a crash, too", async () => {
    const first = await bench();
    first.agent.start();
    first.bear();
    void first.publish("alpha/NDEATH/l1", undefined);
    await first.time.run(1_200);
    const second = await bench(first.store.crash(), first.time.nowMs);
    second.agent.start();
    await second.agent.stop(0);
    expect(second.agent.status().ledger).toMatchObject({ received: 4, aggregated: 4 });
    expect(first.panes("temperature").bad + second.panes("temperature").bad).toBeGreaterThan(0);
  });

  it("after a crash too is none that the watermark heeds", async () => {
    const first = await bench();
    first.agent.start();
    first.bear();
    await first.time.run(20_000);
    // The watermarks' checkpoint comes with it, and the death's commit before the next.
    void first.publish("alpha/DDATA/l1/m1", 2, heat(200));
    await first.time.run(1_200);
    void first.publish("alpha/NDEATH/l1", undefined);
    await first.time.run(1_200);
    const { watermarkHeldBy } = first.agent.status();
    expect(watermarkHeldBy?.idleInMs).toBeLessThan(10_000);
    const second = (await bench(first.store.crash(), first.time.nowMs)).agent.status();
    expect(second).toMatchObject({ watermarkHeldBy, ledger: { received: 5, aggregated: 5 } });
  });

  it("of the connection to a broker is that of the nodes behind it", async () => {
    const { agent, time, bear, panes } = await bench();
    agent.start();
    bear();
    agent.sparkplugLost("node");
    await time.run(100);
    await agent.stop(0);
    expect(panes("load")).toMatchObject({ count: 1, bad: 1 });
  });
});

describe("another pipeline while it runs", () => {
  const change = (agent: Agent, ...changes: (readonly [string, string])[]) => {
    const text = changes.reduce((before, [from, to]) => before.replace(from, () => to), PIPELINE);
    expect(text).not.toBe(PIPELINE);
    void agent.changePipeline(loadPipeline("/pipeline.yaml", { readFile: () => text }).config);
  };
  const SPEED = `  speed:
    unit: "1/min"
    from: { sparkplug: { group: "{site}", node: "{line}", metric: Speed } }
    accumulate: [count, sum]
windows:
  speed_10s: { metric: speed, size: 10s, by: [site] }`;

  it("reads what it read without a gap, and what is new from the births that it asks for", async () => {
    const { agent, time, publish, bear, panes, asked } = await bench();
    agent.start();
    bear();
    change(agent, ["windows:", SPEED]);
    expect(asked).toEqual([{ topic: "spBv1.0/alpha/NCMD/l1", names: ["Node Control/Rebirth"] }]);
    void publish("alpha/NDATA/l1", 2, { alias: 1, intValue: 51 });
    await time.run(100);
    void publish(
      "alpha/NBIRTH/l1",
      0,
      session,
      { name: "Load", alias: 1, datatype: typeOf("Int16"), intValue: 52 },
      { name: "Speed", alias: 5, datatype: typeOf("Int16"), intValue: 900 },
    );
    await time.run(100);
    void publish("alpha/NDATA/l1", 1, { alias: 5, intValue: 901 }, { alias: 1, intValue: 53 });
    await time.run(100);
    await agent.stop(0);
    expect(panes("load")).toMatchObject({ count: 4, sum: 50 + 51 + 52 + 53 });
    expect(panes("speed")).toMatchObject({ count: 2, sum: 1801 });
    expect(agent.status().ledger).toMatchObject({ received: 7, aggregated: 7 });
  });

  it("is none to Sparkplug where only windows and rules change: nobody is asked, a death is told of every series", async () => {
    const { agent, time, publish, bear, asked } = await bench();
    agent.start();
    bear();
    change(agent, ["above: 80", "above: 90"]);
    void publish("alpha/NDEATH/l1", undefined);
    await time.run(100);
    expect(asked).toEqual([]);
    expect(agent.status()).toMatchObject({
      ledger: { received: 4, aggregated: 4 },
      sparkplug: { events: { stale_series: 2 } },
    });
  });

  it("reads a known name anew at once: of another pattern, under other labels, with another scale", async () => {
    const { agent, time, publish, bear, panes, asked } = await bench();
    agent.start();
    bear();
    change(agent, ["Motor/{motor}/Temperature", "{part}/{motor}/Temperature"], ["scale: 0.1", "scale: 0.01"]);
    void publish("alpha/DDATA/l1/m1", 2, heat(300));
    await time.run(100);
    await agent.stop(0);
    expect(asked).toHaveLength(1);
    expect(panes("temperature")).toMatchObject({ count: 2, sum: 20 + 3 });
    expect(panes("temperature").labels).toContain(
      '{"line":"l1","machine":"m1","motor":"drive","part":"Motor","site":"alpha"}',
    );
  });

  it("forgets metrics that go, and nodes that nothing reads; taken back, it reads them again at once", async () => {
    const { agent, time, publish, bear, panes } = await bench();
    agent.start();
    bear();
    const gone = PIPELINE.indexOf("  load:");
    change(
      agent,
      [PIPELINE.slice(gone, PIPELINE.indexOf("windows:")), ""],
      ["  load_10s: { metric: load, size: 10s, by: [site] }\n", ""],
      [PIPELINE.slice(PIPELINE.indexOf("  silent:")), ""],
    );
    void publish("alpha/NDATA/l1", 2, { alias: 1, intValue: 51 });
    expect(agent.status().ledger).toMatchObject({ received: 2 });
    void agent.changePipeline(loadPipeline("/pipeline.yaml", { readFile: () => PIPELINE }).config);
    void publish("alpha/NDATA/l1", 3, { alias: 1, intValue: 52 });
    await time.run(100);
    change(agent, ['group: "{site}"', "group: beta"], ['group: "{site}"', "group: beta"]);
    expect(agent.status().sparkplug).toMatchObject({ nodesOnline: 0, nodesOffline: 0 });
    void publish("alpha/NDATA/l1", 4, { alias: 1, intValue: 53 });
    await time.run(100);
    await agent.stop(0);
    expect(panes("load")).toMatchObject({ count: 2, sum: 50 + 52 });
    expect(agent.status().ledger).toMatchObject({
      received: 4,
      aggregated: 3,
      rejected: { unknown_topic: 1 },
    });
  });
});
