// What comes in: acknowledged once durable, refused by reason, counted once; payloads of many readings, and the cap on series.
import { MemoryStore } from "@millrace/queue";
import { SeededRandom } from "@millrace/testkit";
import { describe, expect, it } from "vitest";
import { type BenchOptions, PIPELINE, START_MS, bench, config } from "./agent-bench.test-support.ts";

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
