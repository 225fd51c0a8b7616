// The uplink straight to real Apache Kafka: broker and agent are killed in between, and what the topic holds is the truth.
import { loadPipeline } from "@millrace/config";
import { zstdCompression } from "@millrace/runtime";
import { Membership, WindowEngine } from "@millrace/stream";
import { TEST_CERTIFICATES } from "@millrace/testkit";
import { parseHeartbeat, RowRoom, SeriesMemory } from "@millrace/wire";
import { expect, test } from "vitest";
import { openEnvelope, openMessage, paneRows } from "../../central/src/log/opened-message.ts";
import { compareWindows } from "../../simulator/src/verify/compare-windows.ts";
import { WindowOracle } from "../../simulator/src/verify/window-oracle.ts";
import { startOneKafka } from "./one-kafka.ts";
import { PLAIN_PIPELINE } from "./pipeline.ts";
import { SensorPublisher } from "./sensor-publisher.ts";
import { SiteHarness } from "./site-harness.ts";
import { createTopic, type TopicRecord, topicRecords } from "./topic-records.ts";
import { Works } from "./works.ts";

const TOPIC = "millrace.panes.v1";

/** The windows that a reader of the topic gets, each batch taken once. */
function windowsOf(records: readonly TopicRecord[], pipelinePath: string) {
  const { config } = loadPipeline(pipelinePath);
  const engine = new WindowEngine({ windows: config.windows, metrics: config.metrics, emitIntervalMs: 0 });
  engine.restore([]);
  engine.setMembership(new Membership());
  const series = new SeriesMemory();
  const seen = new Set<string>();
  let repeated = 0;
  for (const { value, headers } of records) {
    if (headers["type"] !== "batch") continue;
    const { store, epoch, lane, sequence } = headers;
    const key = `${store} ${epoch} ${lane} ${sequence}`;
    if (seen.has(key)) repeated += 1;
    else {
      const reading = { compression: zstdCompression, series, room: new RowRoom() };
      const message = openMessage(openEnvelope("batch", value), reading);
      if (message.kind !== "batch") throw new Error(`a record that is no batch: ${JSON.stringify(message)}`);
      const { storeId, epoch: epochInside, lane: laneInside, sequence: sequenceInside } = message.batch;
      expect(`${storeId} ${epochInside} ${laneInside} ${sequenceInside}`).toBe(key);
      for (const rows of paneRows(message)) engine.apply(rows, 0);
    }
    seen.add(key);
  }
  return { windows: engine.tick(1), batches: seen.size, repeated };
}

test(
  "everything acknowledged reaches the topic, exactly once once repeated batches are left out, through kill -9 of broker and agent",
  { timeout: 480_000 },
  async (context) => {
    const works = new Works();
    const server = await startOneKafka(works);
    if (server === undefined) return context.skip("needs Java, Maven and the Kafka jars");
    await createTopic(server.address, TOPIC, 4);
    const pipelinePath = works.write("pipeline.yaml", PLAIN_PIPELINE);
    const site = await SiteHarness.prepare({
      works,
      agent: "alpha-1",
      site: "alpha",
      pipelinePath,
      uplinkPort: 0,
      config: { uplink: { kafka: { brokers: [server.address] } } },
    });
    const startedS = Math.floor(Date.now() / 1_000);
    await site.start();
    const sensors = new SensorPublisher({
      works,
      brokerUrl: site.brokerUrl,
      site: "alpha",
      machines: ["m1", "m2", "m3"],
      seed: 3,
      twiceShare: 0.05,
    });
    await sensors.run(3_000);
    await site.delivered();
    const { link, epoch } = await site.status();
    expect(link).toMatchObject({ state: "up", clockOffsetMs: null });
    // Without a central that gives it a number: the time of its start, in seconds.
    expect(epoch).toBeGreaterThanOrEqual(startedS);
    expect(epoch).toBeLessThanOrEqual(Date.now() / 1_000);

    // The broker dies for longer than it takes until panes go to backfill; the agent dies beside it, and comes back first.
    sensors.start();
    await server.kill();
    await site.until("it has noticed", ({ link: { state } }) => state !== "up");
    await site.until("a backlog has gathered", ({ lanes }) => lanes["backfill"].queuedBatches > 0);
    await site.process.kill();
    await site.start();
    const down = await site.until(
      "it says why",
      ({ link: { state, reason } }) => state === "down" && reason !== "",
    );
    expect(down.link.reason).toMatch(/ECONNREFUSED|failed/);
    await server.start();
    await site.until("it is up again", ({ link: { state } }) => state === "up");
    // And once more while batches are in flight.
    await site.process.kill();
    await site.start();
    await sensors.stop();
    const { ledger } = await site.delivered();
    expect(ledger).toMatchObject({ evicted: 0, damaged: 0, queued: 0 });
    expect(await site.process.stop()).toBe(0);

    const records = await topicRecords(server.address, TOPIC);
    expect(new Set(records.map(({ key }) => key))).toEqual(new Set(["alpha"]));
    expect(new Set(records.map(({ partition }) => partition)).size).toBe(1);
    const { windows, batches, repeated } = windowsOf(records, pipelinePath);
    console.log(`${records.length} records, ${batches} batches, ${repeated} of them repeated`);
    const definitions = PLAIN_WINDOWS;
    const oracle = new WindowOracle(definitions);
    for (const reading of sensors.truth) oracle.add(reading);
    const expected = [...oracle.results()];
    for (const definition of definitions) {
      const ofIt = new Map(expected.filter(([, { window }]) => window === definition.name));
      const rows = windows.filter(({ window }) => window === definition.name);
      expect(compareWindows(definition, ofIt, rows)).toMatchObject({ wrong: 0, missing: 0, extra: 0 });
    }

    // A hello for each connection, and the frontiers beside the batches.
    expect(records[0].headers).toEqual({ type: "hello", agent: "alpha-1", site: "alpha" });
    const frontiers = records
      .filter(({ headers }) => headers["type"] === "heartbeat")
      .map(({ value }) => {
        const heartbeat = parseHeartbeat(value);
        return heartbeat.ok ? heartbeat.message.frontier.watermarkMs : heartbeat.detail;
      });
    expect(frontiers.at(-1)).toBeGreaterThan(sensors.truth[0].time);
  },
);

const PLAIN_WINDOWS = [
  {
    name: "tumbling",
    metric: "temperature",
    kind: "aligned",
    sizeMs: 2_000,
    slideMs: 2_000,
    offsetMs: 0,
    by: ["site"],
  },
  {
    name: "sliding",
    metric: "temperature",
    kind: "aligned",
    sizeMs: 5_000,
    slideMs: 1_000,
    offsetMs: 0,
    by: ["site", "machine"],
  },
] as const;

test(
  "with TLS and a login: a torn authority, a wrong password and a missing topic are told, and tried again once they are right",
  { timeout: 300_000 },
  async (context) => {
    const works = new Works();
    const { authority, serverCertificate: certificate, serverKey: key } = TEST_CERTIFICATES;
    const guarded = { port: await works.freePort(), username: "alpha", password: "right", certificate, key };
    const server = await startOneKafka(works, guarded);
    if (server === undefined) return context.skip("needs Java, Maven and the Kafka jars");
    const caPath = works.write("ca.pem", authority.slice(0, 100));
    const pipelinePath = works.write("pipeline.yaml", PLAIN_PIPELINE);
    const siteWith = (password: string) =>
      SiteHarness.prepare({
        works,
        agent: "alpha-1",
        site: "alpha",
        pipelinePath,
        uplinkPort: 0,
        config: {
          uplink: {
            kafka: {
              brokers: [`127.0.0.1:${guarded.port}`],
              topic: "panes",
              tls: { ca: "./ca.pem" },
              sasl: { mechanism: "PLAIN", username: "alpha", password },
            },
          },
        },
      });
    const stranger = await siteWith("wrong");
    await stranger.start();
    await stranger.until("it says that the authority is none", ({ link: { reason } }) =>
      reason.startsWith(`cannot connect the uplink: ${caPath} holds no certificate`),
    );
    works.write("ca.pem", authority);
    await stranger.until("it says that the login is wrong", ({ link: { reason } }) =>
      reason.startsWith("Kafka refuses the login"),
    );
    expect(await stranger.process.stop()).toBe(0);
    const site = await siteWith("right");
    await site.start();
    await site.until("it says what is missing", ({ link: { reason } }) =>
      reason.startsWith("Kafka has no topic panes; create it"),
    );
    await createTopic(server.address, "panes", 1);
    await site.until("it is up", ({ link: { state } }) => state === "up");
  },
);
