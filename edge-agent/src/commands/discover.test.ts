// What discover publishes at a site's broker: nothing, unless it is told to ask for births.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseSparkplugPayload, SPARKPLUG_TYPES } from "@millrace/wire";
import { connectAsync } from "mqtt";
import protobuf from "sparkplug-payload/lib/sparkplugPayloadProto.js";
import { loadPipeline } from "@millrace/config";
import { freePort } from "@millrace/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SiteBroker } from "../inputs/site-broker.test-support.ts";
import { discoverCommand } from "./discover.ts";
import { initCommand } from "./init.ts";
import { runCommand } from "./run-command.test-support.ts";

const { Payload } = protobuf.org.eclipse.tahu.protobuf;
const encoded = (metric: Parameters<typeof Payload.create>[0]) =>
  Buffer.from(Payload.encode(Payload.create(metric)).finish());

let port = 0;
let broker: SiteBroker;
beforeEach(async () => {
  port = await freePort();
  broker = await SiteBroker.listen(port);
});
afterEach(() => broker.close());

/** Against an edge node that has been born long ago, and answers a request for its births. */
async function discover(...more: string[]) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-discover-"));
  const run = (...argv: string[]) => runCommand({ discover: discoverCommand, init: initCommand }, argv);
  await run("init", "--folder", folder);
  const config = join(folder, "agent.yaml");
  const text = readFileSync(config, "utf8").replace(
    /^inputs:[^]*?(?=^\S)/m,
    `inputs:\n  mqtt: { url: "mqtt://127.0.0.1:${port}" }\n`,
  );
  writeFileSync(config, text);
  const node = await connectAsync(`mqtt://127.0.0.1:${port}`);
  const commands: (string | undefined)[] = [];
  await node.subscribeAsync("spBv1.0/+/NCMD/#");
  node.on("message", (topic, payload) => {
    const parsed = parseSparkplugPayload(payload);
    commands.push(`${topic} ${parsed.ok ? parsed.message.metrics[0]?.name : ""}`);
    const load = { name: "Load", alias: 1, datatype: SPARKPLUG_TYPES.indexOf("Float"), floatValue: 1 };
    node.publish("spBv1.0/north/NBIRTH/l1", encoded({ seq: 0, metrics: [load] }));
  });
  const data = setInterval(
    () => node.publish("spBv1.0/north/NDATA/l1", encoded({ seq: 1, metrics: [{ alias: 1, floatValue: 1 }] })),
    100,
  );
  try {
    const time = more.includes("--for") ? [] : ["--for", "2s"];
    return { ...(await run("discover", "--config", config, ...time, ...more)), commands };
  } finally {
    clearInterval(data);
    await node.endAsync();
  }
}

test("a node whose birth was not heard is named, and left alone", async () => {
  const { code, out, err, commands } = await discover();
  expect(commands).toEqual([]);
  expect(err).toContain("births of 1 edge nodes or their devices were not heard; nothing was asked of them");
  expect(out).toContain('# "north/l1": no birth was heard');
  expect(code).toBe(1);
});

test("with --rebirth it is asked once, and what it tells is in the pipeline", async () => {
  const { code, out, commands } = await discover("--rebirth");
  expect(commands).toEqual(["spBv1.0/north/NCMD/l1 Node Control/Rebirth"]);
  const { metrics } = loadPipeline("pipeline.yaml", { readFile: () => out, env: {} }).config;
  expect(metrics).toMatchObject([{ name: "Load", source: { kind: "sparkplug", isOfDevice: false } }]);
  expect(code).toBe(0);
});

test("Ctrl-C ends it earlier, and what was heard by then is printed", { timeout: 20_000 }, async () => {
  const interrupt = setTimeout(() => process.emit("SIGINT"), 1_500);
  const { code, out, err } = await discover("--rebirth", "--for", "1h");
  clearTimeout(interrupt);
  expect(err).toContain("Ctrl-C ends it earlier");
  expect(out).toContain("Load:");
  expect(code).toBe(0);
});
