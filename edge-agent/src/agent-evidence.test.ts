// Payloads that are kept whole: in parts, durable before they are acknowledged.
import { MemoryStore } from "@millrace/queue";
import { zstdCompression } from "@millrace/runtime";
import { decodeEvidencePart, unpackBody } from "@millrace/wire";
import { describe, expect, it } from "vitest";
import { DAY_MS, PIPELINE, START_MS, bench } from "./agent-bench.test-support.ts";
import type { ScriptedCentral } from "./scripted-central.test-support.ts";

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
