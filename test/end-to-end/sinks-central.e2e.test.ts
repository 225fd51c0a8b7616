// Central with an agent behind it, and files, a webhook and a real Kafka before it: through kill -9 of central each ends up with what the API has.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { MemoryLogger } from "@millrace/runtime";
import { expect, test } from "vitest";
import { z } from "zod";
import { FileSink } from "../../central/src/sinks/file/file-sink.ts";
import { SinkFolder } from "../../central/src/sinks/file/sink-folder.ts";
import { CentralHarness, type CentralOptions } from "./central-harness.ts";
import { expectTruth } from "./expect-truth.ts";
import { FakeClock } from "./fake-clock.ts";
import { KafkaWorks } from "./kafka-works.ts";
import { ALPHA } from "./one-site.ts";
import { PLAIN_PIPELINE } from "./pipeline.ts";
import { SensorPublisher } from "./sensor-publisher.ts";
import { SiteHarness } from "./site-harness.ts";
import { SmallDisk } from "./small-disk.ts";
import { topicRecords } from "./topic-records.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

interface WindowLine {
  readonly window: string;
  readonly group: Readonly<Record<string, string>>;
  readonly startMs: number;
  readonly generation: number;
  readonly revision: number;
  readonly values: Readonly<Record<string, number>>;
}

interface AlertPost {
  readonly status: string;
  readonly groupLabels: { readonly alertname: string };
  readonly alerts: readonly { readonly fingerprint: string; readonly status: string }[];
}

async function prepare(
  works: Works,
  sinks: Readonly<Record<string, unknown>>,
  options: Pick<CentralOptions, "surroundings"> = {},
) {
  const pipelinePath = works.write("pipeline.yaml", PLAIN_PIPELINE);
  const central = await CentralHarness.prepare({
    works,
    pipelinePath,
    agents: [ALPHA],
    config: { sinks },
    ...options,
  });
  const site = await SiteHarness.prepare({ works, ...ALPHA, pipelinePath, uplinkPort: central.intakePort });
  await Promise.all([central.start(), site.start()]);
  const sensors = new SensorPublisher({
    works,
    brokerUrl: site.brokerUrl,
    site: "alpha",
    machines: ["m1", "m2"],
    seed: 5,
  });
  return {
    central,
    site,
    sensors,
    settled: () =>
      until("nothing waits", async () =>
        (await central.sinks()).every(({ state, waiting }) => state === "up" && waiting === 0),
      ),
  };
}

function expectSchema(name: string, records: readonly unknown[]): void {
  const path = join(import.meta.dirname, "../../docs/schema", `${name}.json`);
  const schema = z.fromJSONSchema(JSON.parse(readFileSync(path, "utf8")));
  for (const record of records) expect(schema.safeParse(record).error).toBeUndefined();
}

/** In this order no old revision follows a newer one, and the last of each window is what the API has. */
async function expectApi(central: CentralHarness, lines: readonly WindowLine[]): Promise<void> {
  const latest = new Map<string, WindowLine>();
  for (const line of lines) {
    const key = JSON.stringify([line.window, line.startMs, line.group]);
    const before = latest.get(key);
    if (before?.generation === line.generation) expect(line.revision).toBeGreaterThanOrEqual(before.revision);
    else expect(line.generation).toBeGreaterThan(before?.generation ?? 0);
    latest.set(key, line);
  }
  let compared = 0;
  for (const window of ["tumbling", "sliding"])
    for await (const { group, startMs, revision, values } of central.client.windows(
      window,
      0,
      Number.MAX_SAFE_INTEGER,
    )) {
      const held = latest.get(JSON.stringify([window, startMs, group]));
      expect([held?.revision, held?.values["count"]]).toEqual([revision, values["count"]]);
      compared += 1;
    }
  expect(compared).toBeGreaterThan(5);
  expect(latest.size).toBe(compared);
}

test(
  "files hold what the API has and a receiver is told of alarms, through kill -9 of central",
  { timeout: 300_000 },
  async () => {
    const works = new Works();
    const folder = works.path("results");
    const posts: AlertPost[] = [];
    const keys = new Set<string | undefined>();
    const receiver = createServer((request, response) => {
      let text = "";
      request.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      request.on("end", () => {
        posts.push(JSON.parse(text));
        keys.add(request.headers.authorization);
        response.end();
      });
    });
    const port = await works.freePort();
    works.atEnd(() => void receiver.close());
    const { central, site, sensors, settled } = await prepare(works, {
      file: { folder },
      webhook: {
        url: `http://127.0.0.1:${port}/hook`,
        header: { name: "Authorization", valueFile: works.write("key", "Bearer secret\n") },
      },
    });
    await sensors.run(2_000);
    // The receiver is not there yet: nothing else waits for it.
    await site.process.kill();
    await until("it is missed", async () =>
      (await central.sinks()).some(({ code }) => code === "sink_webhook"),
    );
    await site.start();
    receiver.listen(port, "127.0.0.1");
    await until("the receiver has heard that it is back", () =>
      posts.some(
        ({ groupLabels, status }) => groupLabels.alertname === "agent_silent" && status === "resolved",
      ),
    );
    expect(keys).toEqual(new Set(["Bearer secret"]));
    sensors.start();
    await until("the file has some", async () => (await central.sinks())[0].outcomes.written > 20);
    await central.process.kill();
    await central.start();
    await sensors.stop();
    await site.delivered();
    expect(await site.process.stop()).toBe(0);
    await expectTruth(central, sensors.truth);
    await settled();
    expect((await central.sinks()).map(({ sink }) => sink)).toEqual(["file", "file_alarms", "webhook"]);
    const linesOf = (name: string) =>
      readFileSync(join(folder, name), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
    await expectApi(central, linesOf("windows.jsonl"));
    expectSchema("millrace.windows.v1", linesOf("windows.jsonl"));
    expectSchema("millrace.alarms.v1", linesOf("alarms.jsonl"));
    expect(linesOf("alarms.jsonl").some(({ rule }) => rule === "agent_silent")).toBe(true);
    const metrics = await (await fetch(`http://127.0.0.1:${central.httpPort}/metrics`)).text();
    expect(metrics).toMatch(/millrace_central_sink_results_total\{sink="webhook",outcome="written"\} [1-9]/);
    expect(await central.process.stop()).toBe(0);
  },
);

test(
  "Kafka holds what the API has, alarms too, through kill -9 of central",
  { timeout: 480_000 },
  async ({ skip }) => {
    const broker = await KafkaWorks.start("4.2.0");
    if (broker === undefined) return skip("needs Java, Maven and the Kafka jars");
    const works = new Works();
    works.atEnd(() => broker.end());
    const { address } = broker.server;
    const { central, site, sensors, settled } = await prepare(works, { kafka: { brokers: [address] } });
    await sensors.run(2_000);
    sensors.start();
    await central.process.kill();
    await site.process.kill();
    await Promise.all([central.start(), site.start()]);
    await sensors.stop();
    await site.delivered();
    await expectTruth(central, sensors.truth);
    await site.process.kill();
    await until("the agent is missed", async () =>
      (await central.systemAlarms("alpha-1")).includes("agent_silent"),
    );
    await settled();
    const valuesOf = async (topic: string) =>
      (await topicRecords(address, topic)).map(({ value }) => JSON.parse(Buffer.from(value).toString()));
    await expectApi(central, await valuesOf("millrace.windows.v1"));
    expect((await valuesOf("millrace.alarms.v1")).at(-1)).toMatchObject({
      agent: "alpha-1",
      rule: "agent_silent",
      isActive: true,
    });
    expect(await central.process.stop()).toBe(0);
  },
);

test.skipIf(FakeClock.library === undefined)(
  "Kafka does not take what a clock two hours ahead stamps: the sinks say so; all of it is there once the clock is right",
  { timeout: 480_000 },
  async ({ skip }) => {
    const broker = await KafkaWorks.start("4.2.0");
    if (broker === undefined) return skip("needs Java, Maven and the Kafka jars");
    const works = new Works();
    works.atEnd(() => broker.end());
    const { address } = broker.server;
    const clock = new FakeClock(works);
    const sinks = { kafka: { brokers: [address] } };
    const { central, site, sensors, settled } = await prepare(works, sinks, {
      surroundings: { env: clock.env },
    });
    await sensors.run(2_000);
    await settled();
    clock.set(7_200_000);
    await sensors.run(2_000);
    const reason =
      /^cannot write to topic millrace\.windows\.v1 of .*: this machine's time, .* is ahead of the broker's clock by 2\.0 h, more than .* takes \(message\.timestamp\.after\.max\.ms\); set the clock right$/;
    await until("it is said", async () => (await central.sinks()).some((sink) => reason.test(sink.reason)));
    expect(central.process.log).toContain("ahead of the broker's clock by 2.0 h");
    clock.set(0);
    await site.delivered();
    await expectTruth(central, sensors.truth);
    await settled();
    const records = await topicRecords(address, "millrace.windows.v1");
    await expectApi(
      central,
      records.map(({ value }) => JSON.parse(Buffer.from(value).toString())),
    );
    expect(await central.process.stop()).toBe(0);
  },
);

test.skipIf(!SmallDisk.isPossible("tmpfs"))(
  "a disk that is really full: what was written of a line is taken back, and all goes on once there is room",
  async () => {
    const works = new Works();
    const disk = new SmallDisk(works, "disk", "tmpfs");
    const path = join(disk.path, "results", "windows.jsonl");
    const sink = new FileSink<number>({
      name: "file",
      folder: new SinkFolder(join(disk.path, "results")),
      stem: "windows",
      rotation: { bytesMax: 1e9, isDaily: false, filesKept: 3 },
      recordOf: (number) => ({ number, padding: "x".repeat(50_000) }),
      clock: { nowMs: () => Date.now() },
      log: new MemoryLogger(),
    });
    works.atEnd(() => sink.close());
    const numbers = () =>
      readFileSync(path, "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line): number => JSON.parse(line).number);
    await sink.open();
    await sink.write([1]);
    disk.fill();
    await expect(sink.write([2, 3])).rejects.toMatchObject({ code: "sink_disk_full" });
    expect(readFileSync(path, "utf8").endsWith("\n")).toBe(true);
    expect(numbers()).toEqual([1]);
    await sink.open();
    await expect(sink.write([2, 3])).rejects.toMatchObject({ code: "sink_disk_full" });
    disk.empty();
    await sink.open();
    await sink.write([2, 3]);
    expect(numbers()).toEqual([1, 2, 3]);
  },
);
