// Central with an agent behind it and a real Redis before it: through kill -9 of Redis and of central, Redis ends up with what the API has, which is the truth.
import { expect, test } from "vitest";
import { CentralHarness } from "./central-harness.ts";
import { expectTruth } from "./expect-truth.ts";
import { ALPHA } from "./one-site.ts";
import { machineMetric } from "./pipeline.ts";
import { RedisWorks } from "./redis-works.ts";
import { SensorPublisher } from "./sensor-publisher.ts";
import { SiteHarness } from "./site-harness.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const PIPELINE = {
  version: 1,
  metrics: { temperature: machineMetric("temperature", "°C") },
  windows: {
    site_2s: { metric: "temperature", size: "2s", by: ["site"] },
    machine_1s: { metric: "temperature", size: "1s", by: ["site", "machine"] },
    unsent: { metric: "temperature", size: "10s", by: ["site"] },
  },
};

test(
  "Redis holds what the API has, through kill -9 of Redis and of central",
  { timeout: 300_000 },
  async ({ skip }) => {
    const works = new Works();
    const server = await RedisWorks.start(works);
    if (server === undefined) return skip("needs redis-server (apt install redis-tools)");
    const redis = server.client();
    const pipelinePath = works.write("pipeline.yaml", PIPELINE);
    const central = await CentralHarness.prepare({
      works,
      pipelinePath,
      agents: [ALPHA],
      config: {
        sinks: { redis: { url: server.url, prefix: "mill:{window}", windows: ["site_2s", "machine_1s"] } },
      },
    });
    const site = await SiteHarness.prepare({ works, ...ALPHA, pipelinePath, uplinkPort: central.intakePort });
    await Promise.all([central.start(), site.start()]);
    const sensors = new SensorPublisher({
      works,
      brokerUrl: site.brokerUrl,
      site: "alpha",
      machines: ["m1", "m2", "m3"],
      seed: 5,
      twiceShare: 0.05,
    });
    const sinkView = async () => (await central.sinks())[0];
    sensors.start();
    await until("Redis has some", async () => (await redis.hlen("mill:site_2s")) > 1);
    const firstGeneration = Number(await redis.get("mill:site_2s:generation"));
    await server.server.kill();
    await until("central has noticed", async () => (await sinkView()).code === "redis_unreachable");
    await server.server.start();
    await until("it is up again", async () => (await sinkView()).state === "up");
    await central.process.kill();
    await central.start();
    await sensors.stop();
    await site.delivered();
    expect(await site.process.stop()).toBe(0);
    await expectTruth(central, sensors.truth);

    await until("nothing waits", async () => {
      const { state, waiting } = await sinkView();
      return state === "up" && waiting === 0;
    });
    expect(Number(await redis.get("mill:site_2s:generation"))).toBeGreaterThan(firstGeneration);
    let compared = 0;
    for (const window of ["site_2s", "machine_1s"]) {
      const counts: Record<string, string> = {};
      for await (const row of central.client.windows(window, 0, Number.MAX_SAFE_INTEGER)) {
        const { group, startMs, revision, values } = row;
        const member = `${Object.values(group).join(":")}:${startMs}`;
        counts[member] = String(values["count"]);
        const held = await redis.hmget(`mill:${window}:${member}`, "revision", "count", "sum", "max");
        expect(held).toEqual([revision, values["count"], values["sum"], values["max"]].map(String));
        compared += 1;
      }
      expect(await redis.hgetall(`mill:${window}`)).toEqual(counts);
    }
    expect(compared).toBeGreaterThan(10);
    expect(await redis.exists("mill:unsent")).toBe(0);
    const metrics = await (await fetch(`http://127.0.0.1:${central.httpPort}/metrics`)).text();
    expect(metrics).toContain('millrace_central_sink_up{sink="redis"} 1');
    expect(metrics).toMatch(/millrace_central_sink_results_total\{sink="redis",outcome="written"\} [1-9]/);
    expect(await central.process.stop()).toBe(0);
  },
);
