// Sensors that are not ours: mosquitto_pub and Eclipse Paho publish to the embedded broker, and logrotate turns a tailed file.
import { spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import type { TruthReading } from "../../simulator/src/truth/truth-line.ts";
import { expectTruth } from "./expect-truth.ts";
import { prepareOneSite } from "./one-site.ts";
import { PLAIN_PIPELINE } from "./pipeline.ts";
import { Works } from "./works.ts";

const paho = ["python3", "/usr/bin/python3"].find(
  (python) => spawnSync(python, ["-c", "import paho.mqtt.client"]).status === 0,
);
const hasMosquittoPub = spawnSync("mosquitto_pub", ["--help"]).error === undefined;
const logrotate = ["logrotate", "/usr/sbin/logrotate"].find(
  (program) => spawnSync(program, ["--version"]).error === undefined,
);

async function startLine(works: Works, config: Readonly<Record<string, unknown>> = {}) {
  const { central, site } = await prepareOneSite(works, PLAIN_PIPELINE, { config });
  await Promise.all([central.start(), site.start()]);
  return { central, site };
}

/** `count` readings of a machine, one every 10 ms up to now. */
function readingsOf(machine: string, count: number): TruthReading[] {
  const fromMs = Date.now() - count * 10;
  return Array.from({ length: count }, (_, index) => ({
    type: "reading",
    metric: "temperature",
    site: "alpha",
    line: "1",
    machine,
    time: fromMs + index * 10,
    value: (index * 37) % 101,
  }));
}

function linesOf(readings: readonly TruthReading[]): string {
  return readings.map(({ time, value }) => `${JSON.stringify({ ts: time, value })}\n`).join("");
}

/** Gives a program its input; resolves with its output once it has ended well. */
async function run(program: string, args: readonly string[], input: string): Promise<string> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.stdin.end(input);
  const output = await text(child.stdout);
  expect(await ended).toBe(0);
  return output;
}

test.skipIf(paho === undefined)(
  "Paho, QoS 1 and 2, through a kill of the agent: every reading is in the windows once",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const { central, site } = await startLine(works);
    const truth: TruthReading[] = [];
    for (const qos of [1, 2]) {
      const readings = readingsOf(`paho-${qos}`, 2_000);
      truth.push(...readings);
      const topic = `factory/alpha/1/paho-${qos}/temperature`;
      const before = (await site.status()).ledger.received;
      const args = [join(import.meta.dirname, "paho-sensor.py"), `${site.brokerPort}`, topic, `${qos}`];
      const done = run(paho ?? "", args, linesOf(readings));
      await site.until("some have come", ({ ledger }) => ledger.received > before + 100);
      await site.process.kill();
      await site.start();
      expect(await done).toBe(`${readings.length}\n`);
    }
    const { ledger } = await site.delivered();
    console.log(`aggregated ${ledger.aggregated}, duplicates ${ledger.duplicate}`);
    expect(await site.process.stop()).toBe(0);
    await expectTruth(central, truth);
  },
);

test.skipIf(!hasMosquittoPub)(
  "mosquitto_pub, QoS 1 and 2: every reading is in the windows",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const { central, site } = await startLine(works);
    const truth: TruthReading[] = [];
    for (const qos of [1, 2]) {
      const readings = readingsOf(`pub-${qos}`, 2_000);
      truth.push(...readings);
      const where = ["-p", `${site.brokerPort}`, "-t", `factory/alpha/1/pub-${qos}/temperature`];
      await run("mosquitto_pub", [...where, "-q", `${qos}`, "-l"], linesOf(readings));
    }
    const { ledger } = await site.delivered();
    expect([ledger.aggregated, ledger.duplicate]).toEqual([truth.length, 0]);
    expect(await site.process.stop()).toBe(0);
    await expectTruth(central, truth);
  },
);

test.skipIf(logrotate === undefined)(
  "logrotate renames a file, copies and truncates another, while the agent runs and while it is down: every line counts once",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const logs = works.path("logs");
    mkdirSync(logs);
    const { central, site } = await startLine(works, {
      inputs: {
        files: [
          { path: join(logs, "*.log"), topic: "factory/alpha/1/{file}/temperature", interval: "100ms" },
        ],
      },
    });
    const config = works.write(
      "logrotate.conf",
      `${logs}/renamed.log {\n  rotate 9\n  create\n  delaycompress\n  compress\n  su root root\n}\n` +
        `${logs}/copied.log {\n  rotate 9\n  copytruncate\n  delaycompress\n  compress\n  su root root\n}\n`,
    );
    const rotate = (): void => {
      const { status, stderr } = spawnSync(logrotate ?? "", ["-f", "-s", works.path("state"), config]);
      expect([status, stderr.toString()]).toEqual([0, ""]);
    };
    const truth: TruthReading[] = [];
    const all = { renamed: readingsOf("renamed", 5_000), copied: readingsOf("copied", 5_000) };
    let written = 0;
    const next = (name: keyof typeof all, from: number, count: number): string => {
      const readings = all[name].slice(from, from + count);
      truth.push(...readings);
      return linesOf(readings);
    };
    const write = (count: number): void => {
      for (const name of ["renamed", "copied"] as const)
        appendFileSync(join(logs, `${name}.log`), next(name, written, count));
      written += count;
    };
    for (const name of ["renamed", "copied"]) writeFileSync(join(logs, `${name}.log`), "");
    const allRead = () => site.until("all is read", ({ ledger }) => ledger.received >= truth.length);
    for (const isDown of [false, true]) {
      write(500);
      // A file that is turned before it was ever seen nobody looks for.
      if (written === 500) await allRead();
      if (isDown) await site.process.kill();
      // Whoever has the file open writes on to it after it was renamed.
      const held = openSync(join(logs, "renamed.log"), "a");
      rotate();
      writeSync(held, next("renamed", written, 100));
      closeSync(held);
      written += 100;
      write(500);
      // Before the next rotation compresses what was rotated now, it has been read.
      if (isDown) await site.start();
      await allRead();
    }
    expect(readdirSync(logs).filter((name) => name.endsWith(".gz"))).toHaveLength(2);
    const { ledger } = await site.delivered();
    expect(ledger.aggregated).toBe(truth.length);
    expect(await site.process.stop()).toBe(0);
    await expectTruth(central, truth);
  },
);
