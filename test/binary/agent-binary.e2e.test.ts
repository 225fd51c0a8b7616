// The agent's single binary, alone in an empty folder: it needs nothing but glibc and the C++ runtime, and loses nothing.
import { copyFileSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { MILLRACE_VERSION } from "@millrace/runtime";
import { expect, test } from "vitest";
import { buildBinary } from "../../scripts/build/binary.ts";
import { PROGRAMS } from "../../scripts/build/programs.ts";
import { expectTruth } from "../end-to-end/expect-truth.ts";
import { prepareOneSite } from "../end-to-end/one-site.ts";
import { PLAIN_PIPELINE } from "../end-to-end/pipeline.ts";
import { RawMqtt } from "../end-to-end/raw-mqtt.ts";
import { SensorPublisher } from "../end-to-end/sensor-publisher.ts";
import { until } from "../end-to-end/until.ts";
import { Works } from "../end-to-end/works.ts";
import { BinaryProcess } from "./binary-process.ts";
import { compareVersions, newestSymbolVersion, sharedLibraries } from "./shared-libraries.ts";

/** All that a binary may need: glibc's own, and the C++ runtime. */
const LIBRARIES = [
  "ld-linux-aarch64.so.1",
  "ld-linux-x86-64.so.2",
  "libc.so.6",
  "libdl.so.2",
  "libgcc_s.so.1",
  "libm.so.6",
  "libpthread.so.0",
  "libstdc++.so.6",
  // The kernel's, no file.
  "linux-vdso.so.1",
];
const GLIBC_MAX = "2.28";

test("the agent's binary runs alone, survives kill -9 and loses nothing", { timeout: 360_000 }, async () => {
  const program = PROGRAMS.find(({ name }) => name === "millrace-agent");
  if (program === undefined) throw new Error("millrace-agent is not built");
  const built = await buildBinary(program);
  const works = new Works();
  const folder = works.path("gateway");
  mkdirSync(folder);
  const path = join(folder, "millrace-agent");
  copyFileSync(built.path, path);
  const binary = new BinaryProcess({ path, works });

  const version = binary.run(folder, "--version");
  expect(version).toMatchObject({ code: 0, err: "" });
  expect(version.out).toMatch(
    new RegExp(
      `^millrace-agent ${MILLRACE_VERSION} \\(commit [0-9a-f]+, wire \\d+, store \\d+, node 24\\.[\\d.]+\\)\\n$`,
    ),
  );
  expect(binary.run(folder, "init")).toMatchObject({ code: 0, err: "" });
  expect(readdirSync(folder).sort()).toEqual(["agent.yaml", "millrace-agent", "pipeline.yaml"]);
  expect(binary.run(folder, "check", "--config", "agent.yaml")).toMatchObject({ code: 0 });

  // The site's configuration, ports and status; the process is the binary.
  const { central, site, siteOptions } = await prepareOneSite(works, PLAIN_PIPELINE);
  await central.start();

  const startedMs = performance.now();
  binary.start(folder, "run", "--config", site.configPath);
  const first = await until("the broker answers", () =>
    RawMqtt.connect({ port: site.brokerPort, clientId: "first" }),
  );
  works.atEnd(() => first.close());
  const reading = {
    type: "reading",
    site: "alpha",
    line: "1",
    machine: "first",
    metric: "temperature",
    time: Date.now(),
    value: 21,
  } as const;
  await first.publish(
    "factory/alpha/1/first/temperature",
    JSON.stringify({ ts: reading.time, value: reading.value }),
  );
  const storedMs = Math.round(performance.now() - startedMs);

  const machines = ["m1", "m2", "m3"];
  const sensors = new SensorPublisher({
    works,
    brokerUrl: site.brokerUrl,
    site: "alpha",
    machines,
    seed: 11,
    twiceShare: 0.02,
  });
  sensors.start();
  const sent = (count: number): Promise<unknown> =>
    until(`${count} readings`, () => sensors.truth.length >= count);
  await sent(100);
  await binary.kill();
  await sent(200);
  binary.start(folder, "run", "--config", site.configPath);
  await sent(300);
  await binary.kill();
  binary.start(folder, "run", "--config", site.configPath);
  await sent(400);
  await sensors.stop();
  await site.delivered();
  expect(await binary.stop()).toBe(0);
  const windowCount = await expectTruth(central, [reading, ...sensors.truth]);
  expect((await central.systemAlarms("alpha-1")).filter((rule) => rule !== "agent_silent")).toEqual([]);

  // What only some configurations ask for is in the binary too: fastify, and the Kafka client with its WebAssembly.
  const httpPort = await works.freePort();
  const kafkaConfig = works.write("gateway/kafka.yaml", {
    version: 1,
    agent: "alpha-1",
    site: "alpha",
    data: site.dataFolder,
    pipeline: siteOptions.pipelinePath,
    inputs: { broker: { port: site.brokerPort }, http: { port: httpPort } },
    uplink: { kafka: { brokers: [`127.0.0.1:${await works.freePort()}`] } },
    http: { port: site.statusPort },
  });
  binary.start(folder, "run", "--config", kafkaConfig);
  await site.until("it asks for Kafka", ({ link }) => link.reason.includes("ECONNREFUSED"));
  expect((await fetch(`http://127.0.0.1:${httpPort}/ping`)).status).toBe(204);
  expect(await binary.stop()).toBe(0);
  const recording = works.write(
    "gateway/recording.jsonl",
    JSON.stringify({ topic: "factory/alpha/1/m1/temperature", payload: { ts: reading.time, value: 1 } }),
  );
  expect(binary.run(folder, "replay", "--config", kafkaConfig, recording)).toMatchObject({
    code: 0,
    err: "",
  });

  const addon = readdirSync(site.dataFolder).find((name) => name.endsWith(".node"));
  expect(addon).toMatch(/^classic-level-[0-9a-f]{16}\.node$/);
  if (process.platform === "linux") {
    for (const file of [path, join(site.dataFolder, addon ?? "")]) {
      expect(sharedLibraries(file).filter((name) => !LIBRARIES.includes(name))).toEqual([]);
      expect(compareVersions(newestSymbolVersion(file, "GLIBC") ?? "0", GLIBC_MAX)).toBeLessThanOrEqual(0);
    }
  }
  const megabytes = (statSync(path).size / 1e6).toFixed(0);
  console.log(
    `binary: ${megabytes} MB, first stored reading ${storedMs} ms after the start; ${windowCount} windows as sent`,
  );
});
