// A backup is taken while central works; then central is killed and its folder is gone. Restored from the backup, it is sent again
// what agents still keep, and every window, and every zoom of the history, equals the truth.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { CentralHarness } from "./central-harness.ts";
import { expectTruth } from "./expect-truth.ts";
import { prepareOneSite } from "./one-site.ts";
import { machineMetric } from "./pipeline.ts";
import { SensorPublisher } from "./sensor-publisher.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const pipeline = {
  version: 1,
  metrics: { temperature: machineMetric("temperature", "°C") },
  windows: {
    machine_1s: { metric: "temperature", size: "1s", by: ["site", "line", "machine"] },
    site_5s: { metric: "temperature", size: "5s", by: ["site"] },
  },
};
const MACHINES = ["m1", "m2", "m3", "m4", "m5"];

interface Outcome {
  readonly code: number | null;
  readonly text: string;
}

async function command(central: CentralHarness, ...args: string[]): Promise<Outcome> {
  const main = join(import.meta.dirname, "../../central/src/main.ts");
  const child = spawn(process.execPath, [main, ...args, "--config", central.configPath], {
    timeout: 240_000,
  });
  const pieces: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => pieces.push(String(piece)));
  const [code] = await once(child, "close");
  return { code, text: pieces.join("") };
}

/** Count, least and greatest of all machines together in what the history shows at a step. */
async function historyTotals(central: CentralHarness, fromMs: number, step: string) {
  const url = `http://127.0.0.1:${central.httpPort}/api/v1/series?metric=temperature&by=site,line,machine&from=${fromMs}&step=${step}`;
  const { series } = JSON.parse(await (await fetch(url)).text()) as {
    series: { values: { count: number[]; min: number[]; max: number[] } }[];
  };
  const values = (name: "count" | "min" | "max") => series.flatMap((each) => each.values[name]);
  return {
    count: values("count").reduce((sum, count) => sum + count, 0),
    min: Math.min(...values("min")),
    max: Math.max(...values("max")),
  };
}

test(
  "a central that lost its disk goes on from a backup and from what agents keep",
  { timeout: 360_000 },
  async () => {
    const works = new Works();
    const { central, site } = await prepareOneSite(works, pipeline);
    await Promise.all([central.start(), site.start()]);
    const sensors = new SensorPublisher({
      works,
      brokerUrl: site.brokerUrl,
      site: "alpha",
      machines: MACHINES,
      seed: 1,
      ratePerMachine: 40,
      lateShare: 0.1,
    });
    await sensors.run(4_000);
    sensors.start();
    const path = works.path("central.backup");
    const made = await command(central, "backup", path);
    expect(made).toEqual({ code: 0, text: expect.stringMatching(/central\.backup: \d+ entries of 20/) });
    expect(await command(central, "backup", path)).toMatchObject({
      code: 1,
      text: expect.stringContaining("it exists"),
    });
    await until("more has come", () => sensors.truth.length > 2_000);
    await sensors.stop();
    await site.delivered();

    expect(await command(central, "restore", path)).toMatchObject({
      code: 1,
      text: expect.stringContaining("holds it"),
    });
    await central.process.kill();
    expect(await command(central, "restore", path)).toMatchObject({
      code: 1,
      text: expect.stringContaining("--replace"),
    });
    rmSync(central.storePath, { recursive: true });
    const cut = works.path("cut.backup");
    copyFileSync(path, cut);
    truncateSync(cut, statSync(path).size - 3);
    expect(await command(central, "restore", cut)).toMatchObject({
      code: 1,
      text: expect.stringContaining("cut short"),
    });
    expect(existsSync(central.storePath)).toBe(false);
    const restored = await command(central, "restore", path);
    expect(restored).toEqual({ code: 0, text: expect.stringMatching(/^restored \d+ entries of 20/) });
    await central.start();
    await sensors.run(2_000);
    const windows = await expectTruth(central, sensors.truth);
    expect(await site.process.stop()).toBe(0);
    expect(windows).toBeGreaterThan(0);
    const values = sensors.truth.map(({ value }) => value);
    const truth = { count: values.length, min: Math.min(...values), max: Math.max(...values) };
    const fromMs = Math.min(...sensors.truth.map(({ time }) => time));
    for (const step of ["1s", "10s", "1m", "1h", "1d"])
      expect(await historyTotals(central, fromMs, step), step).toEqual(truth);

    // The same without a central that runs, and over a store that is there.
    expect(await central.process.stop()).toBe(0);
    const cold = works.path("cold.backup");
    expect((await command(central, "backup", cold)).code).toBe(0);
    expect((await command(central, "restore", cold, "--replace")).code).toBe(0);
    expect(readdirSync(central.dataFolder).some((name) => name.startsWith("store.replaced-"))).toBe(true);
    await central.start();
    expect(await expectTruth(central, sensors.truth)).toBe(windows);
    expect(await historyTotals(central, fromMs, "1h")).toEqual(truth);
    expect(await central.process.stop()).toBe(0);
  },
);
