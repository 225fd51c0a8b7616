// The configuration of a running agent changes while sensors send: by command, by signal, and from central.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CentralHarness } from "./central-harness.ts";
import { expectTruth } from "./expect-truth.ts";
import { machineMetric, PLAIN_PIPELINE } from "./pipeline.ts";
import { RawMqtt } from "./raw-mqtt.ts";
import { SensorPublisher } from "./sensor-publisher.ts";
import { SiteHarness } from "./site-harness.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

/** With panes of half a second, another metric, and a rule of its own. */
const MORE = {
  ...PLAIN_PIPELINE,
  metrics: { ...PLAIN_PIPELINE.metrics, pressure: machineMetric("pressure", "bar") },
  windows: {
    ...PLAIN_PIPELINE.windows,
    finer: { metric: "temperature", size: "500ms", by: ["site"] },
    pressure: { metric: "pressure", size: "1s", by: ["site"] },
  },
  rules: { high_pressure: { metric: "pressure", when: { above: 5 }, severity: 900 } },
};
const BROKEN = {
  ...MORE,
  rules: { high_pressure: { metric: "presure", when: { above: 5 }, severity: 900 } },
};

const versionOf = (content: unknown) =>
  createHash("sha256")
    .update(JSON.stringify(content, null, 2))
    .digest("hex")
    .slice(0, 12);

async function prepare() {
  const works = new Works();
  const agents = [{ agent: "alpha-1", site: "alpha" }];
  const central = await CentralHarness.prepare({
    works,
    pipelinePath: works.write("central-pipeline.yaml", PLAIN_PIPELINE),
    agents,
  });
  const pipelinePath = works.write("pipeline.yaml", PLAIN_PIPELINE);
  const site = await SiteHarness.prepare({
    works,
    ...agents[0],
    pipelinePath,
    uplinkPort: central.intakePort,
  });
  await central.start();
  await site.start();
  let number = 0;
  const run = async (script: string, args: readonly string[]) => {
    number += 1;
    const process = works.process(`command-${number}`, script, args);
    process.start();
    const code = await process.exit();
    return { code, text: process.log };
  };
  return { works, central, site, run };
}

const changed = (site: SiteHarness, version: string) =>
  site.until(`it runs ${version}`, ({ configuration }) => configuration?.version === version);

test(
  "by command and signal, while sensors send: no client is disconnected, what is wrong is told, every window is exact",
  { timeout: 240_000 },
  async () => {
    const { works, central, site, run } = await prepare();
    const reload = () => run("edge-agent/src/main.ts", ["reload", "--config", site.configPath]);
    const ears = await RawMqtt.connect({ port: site.brokerPort, clientId: "ears" });
    works.atEnd(() => ears.close());
    await ears.subscribe("#");
    const sensors = new SensorPublisher({
      works,
      brokerUrl: site.brokerUrl,
      site: "alpha",
      machines: ["m1", "m2", "m3"],
      seed: 7,
      lateShare: 0.1,
      twiceShare: 0.1,
    });
    sensors.start();
    await until("some readings", () => sensors.truth.length > 60);

    works.write("pipeline.yaml", MORE);
    const applied = await reload();
    expect(applied).toMatchObject({ code: 0, text: expect.stringContaining("applied: changed: pipeline") });
    expect((await changed(site, versionOf(MORE))).configuration).toMatchObject({
      source: "file",
      refused: null,
    });
    await ears.publish("factory/alpha/1/m1/pressure", JSON.stringify({ ts: Date.now(), value: 9 }));
    await site.until("the new rule has raised", ({ alarms }) => alarms.length === 1);
    expect(await site.metrics()).toContain(
      `millrace_agent_pipeline_info{version="${versionOf(MORE)}",source="file"} 1`,
    );

    works.write("pipeline.yaml", BROKEN);
    const refused = await reload();
    expect(refused.code).toBe(1);
    expect(refused.text).toMatch(/pipeline\.yaml:\d+:\d+: .*presure/);
    const status = await site.status();
    expect(status.configuration).toMatchObject({ version: versionOf(MORE), refused: { source: "file" } });
    expect(status.alarms).toHaveLength(1);
    expect(site.process.log).toMatch(/"level":"error".*configuration: refused/);

    works.write("pipeline.yaml", PLAIN_PIPELINE);
    process.kill(site.process.pid ?? 0, "SIGHUP");
    await changed(site, versionOf(PLAIN_PIPELINE));
    expect((await site.status()).alarms).toEqual([]);
    const ended = await until("central hears that the alarm is over", async () =>
      (await central.alarms()).find(({ rule, isActive }) => rule === "high_pressure" && !isActive),
    );
    expect(ended).toMatchObject({ endReason: "rule_removed" });
    expect(ears.isClosed).toBe(false);
    expect((await site.status()).inputs[0]?.counts).toMatchObject({ clients: 2, client_errors: 0 });

    // Its port is another's: the sensors find the one before open again.
    works.write("pipeline.yaml", MORE);
    const config: object = JSON.parse(readFileSync(site.configPath, "utf8"));
    works.write("alpha-1.yaml", { ...config, inputs: { broker: { port: central.httpPort } } });
    const rolledBack = await reload();
    expect(rolledBack).toMatchObject({
      code: 1,
      text: expect.stringContaining("rolled back: cannot listen on"),
    });
    const back = await site.status();
    expect(back.inputs).toMatchObject([{ name: "broker", isConnected: true }]);
    expect(back.configuration).toMatchObject({ version: versionOf(PLAIN_PIPELINE) });
    works.write("alpha-1.yaml", config);

    expect((await reload()).code).toBe(0);
    await site.process.kill();
    await site.start();
    await changed(site, versionOf(MORE));
    await until("more readings", () => sensors.truth.length > 400);
    await sensors.stop();
    await site.delivered();
    expect(await expectTruth(central, sensors.truth)).toBeGreaterThan(3);
  },
);

test(
  "from central: what each agent makes of it is told, and it lasts over kill -9 until the agent's own file is changed",
  { timeout: 240_000 },
  async () => {
    const { works, central, site, run } = await prepare();
    await central.connected("alpha-1");
    const push = (content: unknown) => {
      const path = works.write("pushed.yaml", content);
      const flags = ["--site", "alpha", "--config", central.configPath];
      return run("central/src/main.ts", ["pipeline", "push", path, ...flags]);
    };
    const atCentral = async (wanted: object) => {
      await until("central shows it", async () => {
        const view = await central.agent("alpha-1");
        return (
          view !== undefined && Object.entries(wanted).every(([name, value]) => view.status[name] === value)
        );
      });
    };
    await atCentral({ pipelineVersion: versionOf(PLAIN_PIPELINE), pipelineSource: "file" });
    const done = await push(MORE);
    expect(done).toMatchObject({ code: 0, text: expect.stringMatching(/alpha-1 +done/) });
    await site.process.kill();
    await site.start();
    await changed(site, versionOf(MORE));
    await central.connected("alpha-1");
    const refused = await push(BROKEN);
    expect(refused.code).toBe(1);
    expect(refused.text).toMatch(/pushed-pipeline\.yaml:\d+:\d+: .*presure/);
    await atCentral({
      pipelineVersion: versionOf(MORE),
      pipelineSource: "central",
      pipelineRefused: versionOf(BROKEN),
    });
    const edited = { ...PLAIN_PIPELINE, rules: {} };
    works.write("pipeline.yaml", edited);
    await site.process.kill();
    await site.start();
    await changed(site, versionOf(edited));
    await atCentral({ pipelineVersion: versionOf(edited), pipelineSource: "file", pipelineRefused: "" });
  },
);
