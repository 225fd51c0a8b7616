// An alarm of central's own rules on the page: which window raised it and whose data it lacked, in both languages.
import { expect, test } from "vitest";
import { CentralHarness } from "../end-to-end/central-harness.ts";
import { machineMetric } from "../end-to-end/pipeline.ts";
import { SensorPublisher } from "../end-to-end/sensor-publisher.ts";
import { SiteHarness } from "../end-to-end/site-harness.ts";
import { until } from "../end-to-end/until.ts";
import { Works } from "../end-to-end/works.ts";
import { DashboardPage, hasChromium } from "./dashboard-page.ts";

const ALPHA = { agent: "alpha-1", site: "alpha" } as const;
const BETA = { agent: "beta-1", site: "beta" } as const;
const pipeline = {
  version: 1,
  metrics: { temperature: machineMetric("temperature", "°C") },
  windows: { temperature_1s: { metric: "temperature", size: "1s" } },
  rules: {
    busy: {
      at: "central",
      window: "temperature_1s",
      value: "count",
      when: { above: 0 },
      state: "complete",
      latch: true,
      severity: 500,
    },
    gone: { at: "central", window: "temperature_1s", when: { missing: { for: "30s" } }, severity: 300 },
  },
};

test.skipIf(!hasChromium)(
  "an alarm over all sites names its window and the agent that is missing, and silence the last window",
  { timeout: 120_000 },
  async () => {
    const works = new Works();
    const pipelinePath = works.write("pipeline.yaml", pipeline);
    const central = await CentralHarness.prepare({ works, pipelinePath, agents: [ALPHA, BETA] });
    const site = await SiteHarness.prepare({ works, ...ALPHA, pipelinePath, uplinkPort: central.intakePort });
    await Promise.all([central.start(), site.start()]);
    await central.connected(ALPHA.agent);
    const sensors = new SensorPublisher({
      works,
      brokerUrl: site.brokerUrl,
      site: "alpha",
      machines: ["m1"],
      seed: 3,
    });
    sensors.start();
    const url = `http://127.0.0.1:${central.httpPort}/`;
    const page = await DashboardPage.open(works, `${url}?lang=en`);
    const chinese = await DashboardPage.open(works, `${url}?lang=zh-CN`);
    const row = async (of: DashboardPage, rule: string) =>
      (await of.alarms()).find(({ text }) => text.includes(rule))?.text ?? "";
    await until("the alarm waits for beta", async () =>
      /count of temperature_1s, [\d:]+ to [\d:]+ — 1 of 2 agents — missing: beta-1/.test(
        await row(page, "busy"),
      ),
    );
    expect(await row(page, "busy")).toContain("latched");
    await until("in Chinese too", async () =>
      /temperature_1s 的 count，[\d:]+ 至 [\d:]+ — 代理 1 \/ 2 — 缺：beta-1/.test(await row(chinese, "busy")),
    );
    await sensors.stop();
    await until(
      "silence ends nothing, and is an alarm of its own",
      async () => (await row(page, "gone")).includes("last temperature_1s"),
      60_000,
    );
    expect(page.complaints).toEqual([]);
  },
);
