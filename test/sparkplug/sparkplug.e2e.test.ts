// Real edge nodes against a real agent: Eclipse Tahu's, and one of its JavaScript library with mqtt.js.
import { connectAsync } from "mqtt";
import { get } from "sparkplug-payload";
import type { UMetric } from "sparkplug-payload/lib/sparkplugbpayload.js";
import { expect, test } from "vitest";
import { SiteHarness } from "../end-to-end/site-harness.ts";
import { until } from "../end-to-end/until.ts";
import { Works } from "../end-to-end/works.ts";
import { hasTahu, TahuEdgeNode } from "./tahu-edge-node.ts";

const sparkplug = (metric: string, device: Record<string, string>) => ({
  group: "{site}",
  node: "{line}",
  ...device,
  metric,
});
const pipeline = {
  version: 1,
  metrics: {
    load: { unit: "%", from: { sparkplug: sparkplug("Load", {}) }, accumulate: ["count", "sum"] },
    temperature: {
      unit: "°C",
      from: { sparkplug: sparkplug("Motor/{motor}/Temperature", { device: "{machine}" }) },
      accumulate: ["count", "sum"],
    },
  },
  windows: {
    load_2s: { metric: "load", size: "2s", by: ["site"] },
    temperature_2s: { metric: "temperature", size: "2s", by: ["site"] },
  },
};

async function startedSite(): Promise<SiteHarness> {
  const works = new Works();
  const site = await SiteHarness.prepare({
    works,
    agent: "alpha-1",
    site: "alpha",
    pipelinePath: works.write("pipeline.yaml", pipeline),
    uplinkPort: await works.freePort(),
    config: { sparkplug: { hostId: "host-1", reorderTimeout: "500ms", rebirthInterval: "1s" } },
  });
  await site.start();
  return site;
}

test.skipIf(!hasTahu())(
  "an edge node on Eclipse Tahu waits for its primary host, is born, heard by alias, asked for births after a gap, and dies",
  { timeout: 240_000 },
  async () => {
    const site = await startedSite();
    const node = new TahuEdgeNode({
      port: site.brokerPort,
      hostId: "host-1",
      group: "alpha",
      node: "line-1",
    });
    try {
      await until("its births", () => node.countOf("born") === 1, 40_000);
      expect(node.countOf("state true")).toBeGreaterThan(0);
      await node.do("load -5");
      await node.do("temperature 21.5");
      await node.do("historical 99 1000");
      // Births: load, temperature, and a serial number that is no number.
      await site.until(
        "all readings",
        ({ ledger }) => ledger.aggregated === 5 && ledger.rejected.not_numeric === 1,
      );
      await node.do("skip");
      await node.do("load 7");
      await until("a rebirth", () => node.countOf("rebirth") === 1 && node.countOf("born") === 2);
      await site.until("the births after the gap", ({ sparkplug }) => sparkplug?.events.dbirth === 2);
      await node.do("device-death");
      await site.until("the device is dead", ({ sparkplug }) => sparkplug?.events.ddeath === 1);
      node.kill();
      const { sparkplug: seen, ledger } = await site.until(
        "the node is dead",
        (page) => page.sparkplug?.nodesOffline === 1,
        40_000,
      );
      expect(seen?.events).toMatchObject({
        nbirth: 2,
        sequence_gap: 1,
        rebirth_request: 1,
        ndeath: 1,
        stale_series: 2,
      });
      // Beside the five: load after the gap, two births, and a bad reading for each series.
      expect(ledger).toMatchObject({ aggregated: 10, duplicate: 0 });
    } finally {
      node.kill();
    }
    expect(await site.process.stop()).toBe(0);
  },
);

test(
  "a node of sparkplug-payload and mqtt.js: births are asked for after a restart of the agent",
  { timeout: 240_000 },
  async () => {
    const site = await startedSite();
    const library = get("spBv1.0");
    if (library == null) throw new Error("no library");
    const client = await connectAsync(site.brokerUrl, { reconnectPeriod: 100 });
    const heard: string[] = [];
    client.on("message", (topic, payload) =>
      heard.push(topic.includes("STATE") ? payload.toString() : topic),
    );
    await client.subscribeAsync(["spBv1.0/STATE/host-1", "spBv1.0/alpha/NCMD/line-2"]);
    const publish = (type: string, seq: number, ...metrics: UMetric[]) =>
      client.publishAsync(
        `spBv1.0/alpha/${type}/line-2`,
        Buffer.from(library.encodePayload({ timestamp: Date.now(), seq, metrics })),
      );
    const load = (value: number): UMetric => ({
      name: "Load",
      alias: 1,
      type: "Int16",
      value,
      timestamp: Date.now(),
    });
    await publish("NBIRTH", 0, { name: "bdSeq", type: "Int64", value: 0 }, load(1));
    await publish("NDATA", 1, { ...load(2), name: null });
    await site.until("two readings", ({ ledger }) => ledger.aggregated === 2);
    await until("the host's state", () => heard.length > 0);
    expect(JSON.parse(heard[0])).toMatchObject({ online: true });
    expect(await site.process.stop()).toBe(0);
    await until("its farewell", () => heard.some((text) => text.includes('"online":false')));
    await site.start();
    await until("it is connected again", () => client.connected);
    await publish("NDATA", 2, { ...load(3), name: null });
    await until("the request", () => heard.includes("spBv1.0/alpha/NCMD/line-2"));
    expect((await site.status()).ledger.rejected.no_birth).toBe(1);
    await client.endAsync(true);
    expect(await site.process.stop()).toBe(0);
  },
);
