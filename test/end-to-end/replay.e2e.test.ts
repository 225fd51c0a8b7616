// What mosquitto_sub has recorded beside a running agent, replayed: the windows that central has, and the alarms that the agent had.
import { spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { WindowResult } from "../../packages/stream/src/window-result.ts";
import { expectTruth } from "./expect-truth.ts";
import { prepareOneSite } from "./one-site.ts";
import { PLAIN_PIPELINE } from "./pipeline.ts";
import { SensorPublisher } from "./sensor-publisher.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const hasMosquitto = spawnSync("mosquitto_sub", ["--help"]).error === undefined;

const pipeline = {
  ...PLAIN_PIPELINE,
  rules: {
    warm: { metric: "temperature", when: { above: 52, clearBelow: 51 }, severity: 300 },
  },
};

test.skipIf(!hasMosquitto)(
  "a recording replayed gives the numbers that the live agent and central gave, late and doubled readings included",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const { central, site } = await prepareOneSite(works, pipeline);
    await central.start();
    await site.start();
    await central.connected("alpha-1");

    const recordingPath = works.path("recording.jsonl");
    const recording = openSync(recordingPath, "w");
    const port = String(site.brokerPort);
    const recorder = spawn("mosquitto_sub", ["-p", port, "-q", "1", "-t", "factory/#", "-F", "%J"], {
      stdio: ["ignore", recording, "inherit"],
    });
    closeSync(recording);
    works.atEnd(() => void recorder.kill());
    await site.until("the recorder listens", ({ inputs }) => inputs[0].counts["clients"] === 1);
    const sensors = new SensorPublisher({
      works,
      brokerUrl: site.brokerUrl,
      site: "alpha",
      machines: ["m1", "m2", "m3"],
      seed: 11,
      lateShare: 0.05,
      twiceShare: 0.05,
    });
    await sensors.run(8_000);
    const { ledger: live } = await site.delivered();
    await expectTruth(central, sensors.truth);
    const linesOf = () => readFileSync(recordingPath, "utf8").split("\n").length - 1;
    await until("all is recorded", () => linesOf() === live.received);
    recorder.kill();

    const replayed = works.process("replay", "edge-agent/src/main.ts", [
      "replay",
      "--config",
      site.configPath,
      "--json",
      recordingPath,
    ]);
    // The running agent holds its store meanwhile.
    replayed.start();
    expect(await replayed.exit()).toBe(0);
    const lines = replayed.log.split("\n").filter((line) => line.startsWith("{"));
    const rows = lines.map((line): { type: string } & Record<string, unknown> => JSON.parse(line));
    const windows = new Map<string, WindowResult["values"]>();
    for (const { type, window, group, startMs, values } of rows as unknown as ({
      type: string;
    } & WindowResult)[])
      if (type === "window") windows.set(JSON.stringify([window, group, startMs]), values);
    let compared = 0;
    for (const name of ["tumbling", "sliding"]) {
      for await (const row of central.client.windows(name, 0, Number.MAX_SAFE_INTEGER)) {
        const values = windows.get(JSON.stringify([row.window, row.group, row.startMs]));
        // Sliding windows that do not start on a multiple of the size are pushed by neither.
        if (values === undefined && name === "sliding") continue;
        compared += 1;
        const { sum = 0, mean = 0, stddev = 0, ...exact } = row.values;
        expect(values).toMatchObject(exact);
        for (const [key, value] of Object.entries({ sum, mean, stddev }))
          expect(values?.[key]).toBeCloseTo(value, 9);
      }
    }
    expect(compared).toBeGreaterThan(8);

    const summary = rows.at(-1);
    const { received, aggregated, duplicate } = live;
    expect(summary).toMatchObject({
      badLines: 0,
      isBalanced: true,
      ledger: { received, aggregated, duplicate },
    });

    const ids = rows.filter((row) => row.type === "alarm").map((row) => row["id"]);
    const alarms = (await central.alarms()).filter(({ id }) => !id.startsWith("central:"));
    expect(new Set(ids)).toEqual(new Set(alarms.map(({ id }) => id)));
    expect(await site.process.stop()).toBe(0);
  },
);
