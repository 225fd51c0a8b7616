// A waveform of 20 MB over real MQTT to central, with `kill -9` of agent and central on its way; and the readings around an alarm.
import { createHash, randomBytes } from "node:crypto";
import { connectAsync } from "mqtt";
import { expect, test } from "vitest";
import type { AlarmView } from "../../central/src/alarms/alarm-view.ts";
import type { EvidenceView } from "../../central/src/evidence/evidence-view.ts";
import { CentralHarness } from "./central-harness.ts";
import { machineMetric } from "./pipeline.ts";
import { SiteHarness } from "./site-harness.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const alpha = { agent: "alpha-1", site: "alpha" } as const;
const PIPELINE = {
  version: 1,
  metrics: { temperature: machineMetric("temperature", "°C"), pressure: machineMetric("pressure", "bar") },
  windows: { tumbling: { metric: "temperature", size: "2s", by: ["site"] } },
  rules: { hot: { metric: "temperature", when: { above: 90 }, severity: 900 } },
  evidence: {
    waveform: {
      topic: "factory/{site}/{line}/{machine}/waveform/{at}",
      time: { capture: "at", unit: "ms" },
      contentType: "application/octet-stream",
    },
  },
};

async function startLine() {
  const works = new Works();
  const pipelinePath = works.write("pipeline.yaml", PIPELINE);
  const central = await CentralHarness.prepare({ works, pipelinePath, agents: [alpha] });
  const config = {
    recorder: { bytesMax: "1MiB", before: "10s", after: "1s" },
    uplink: {
      url: `mqtt://127.0.0.1:${central.intakePort}`,
      password: `password of ${alpha.agent}`,
      backfillBytesPerSecond: "4MB",
    },
  };
  const site = await SiteHarness.prepare({
    works,
    ...alpha,
    pipelinePath,
    uplinkPort: central.intakePort,
    config,
  });
  await Promise.all([central.start(), site.start()]);
  await central.connected(alpha.agent);
  const get = async (path: string) => fetch(`http://127.0.0.1:${central.httpPort}${path}`);
  const evidence = async (query = ""): Promise<EvidenceView[]> => {
    const answer: { evidence: EvidenceView[] } = JSON.parse(
      await (await get(`/api/v1/evidence${query}`)).text(),
    );
    return answer.evidence;
  };
  return { central, site, get, evidence };
}

/** As a machine does that waits for its PUBACK: again and again, the same bytes. */
async function publishUntilAcknowledged(site: SiteHarness, topic: string, payload: Buffer): Promise<void> {
  for (;;) {
    try {
      const client = await connectAsync(site.brokerUrl, { reconnectPeriod: 0, connectTimeout: 2_000 });
      const lost = new Promise<never>((_, reject) => {
        client.once("close", () => reject(new Error("lost")));
      });
      try {
        await Promise.race([client.publishAsync(topic, payload, { qos: 1 }), lost]);
      } finally {
        client.end(true);
      }
      return;
    } catch {
      await new Promise<void>((resolve) => setTimeout(resolve, 100));
    }
  }
}

test("20 MB survive kill -9 of the agent and of central in mid-transfer", { timeout: 300_000 }, async () => {
  const { central, site, get, evidence } = await startLine();
  const payload = randomBytes(20_000_000);
  const sha256 = createHash("sha256").update(payload).digest("hex");
  const atMs = Date.now();
  const acknowledged = publishUntilAcknowledged(site, `factory/alpha/1/m1/waveform/${atMs}`, payload);

  const partsHeld = async () => (await evidence())[0]?.partsHeld ?? 0;
  const parts = Math.ceil(payload.length / 65_536);
  await until("some parts have come", async () => (await partsHeld()) > 10);
  await site.process.kill();
  const heldAtKill = await partsHeld();
  expect(heldAtKill).toBeLessThan(parts);
  await site.start();
  await until("more parts have come", async () => (await partsHeld()) > heldAtKill + 20);
  await central.process.kill();
  await central.start();
  const held = await partsHeld();
  expect(held).toBeGreaterThan(heldAtKill);
  expect(held).toBeLessThan(parts);
  await site.process.kill();
  await site.start();
  await acknowledged;

  const view = await until("it is complete", async () => (await evidence("?state=complete"))[0], 60_000);
  expect(view).toMatchObject({
    name: "waveform",
    labels: { site: "alpha", line: "1", machine: "m1" },
    startMs: atMs,
    sha256,
    bytes: payload.length,
    partsHeld: parts,
  });
  const answer = await get(`/api/v1/evidence/${view.id}`);
  expect(answer.headers.get("content-type")).toBe("application/octet-stream");
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
  await site.delivered();
  expect(await evidence()).toHaveLength(1);
  expect((await central.agent("alpha-1"))?.evidence).toBe(1);
  expect(await central.ledger(alpha.agent)).toMatchObject({
    evidence: 1,
    evidenceParts: parts,
    evidenceDamaged: 0,
  });
  expect(await site.process.stop()).toBe(0);
  expect(await central.process.stop()).toBe(0);
});

test("an alarm leads to the raw readings around it", { timeout: 240_000 }, async () => {
  const { site, get, central } = await startLine();
  const client = await connectAsync(site.brokerUrl);
  const publish = (name: string, machine: string, value: number, ts: number) =>
    client.publishAsync(`factory/alpha/1/${machine}/${name}`, JSON.stringify({ value, ts }), { qos: 1 });
  const fromMs = Date.now() - 1_000;
  for (let tenth = 0; tenth < 10; tenth += 1) {
    await publish("temperature", "m1", 20 + tenth, fromMs + 100 * tenth);
    await publish("pressure", "m1", 3, fromMs + 100 * tenth);
    await publish("temperature", "m2", 50, fromMs + 100 * tenth);
  }
  await publish("temperature", "m1", 99, fromMs + 1_000);
  await client.endAsync();

  const alarm = await until("the alarm", async () =>
    (await central.alarms()).find(({ rule }) => rule === "hot"),
  );
  const path = `/api/v1/alarms/${encodeURIComponent(alarm.id)}`;
  const view = await until("its recording", async () => {
    const answer: { alarms: AlarmView[]; evidence: EvidenceView[] } = JSON.parse(
      await (await get(path)).text(),
    );
    expect(answer.alarms).toHaveLength(1);
    return answer.evidence.find(({ state }) => state === "complete");
  });
  const recording: unknown = await (await get(`/api/v1/evidence/${view.id}`)).json();
  expect(recording).toMatchObject({
    alarm: { id: alarm.id, value: 99 },
    series: [
      {
        metric: "temperature",
        labels: { machine: "m1" },
        unit: "°C",
        values: [20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 99],
      },
      { metric: "pressure", labels: { machine: "m1" }, values: Array.from({ length: 10 }, () => 3) },
    ],
  });
  expect((await get("/api/v1/alarms/none")).status).toBe(404);
});
