// The embedded broker of an agent that is killed: what a machine has subscribed to, the commands that wait for it and what is
// retained are there again at once. Real processes, real clients, a real store.
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LevelStore } from "@millrace/queue";
import { SeededRandom } from "@millrace/testkit";
import { connect, connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { expect, test, vi } from "vitest";
import { numberKey, PREFIX } from "../../edge-agent/src/durability/agent-store.ts";
import { AGENT_STORE_VERSION } from "../../edge-agent/src/version.ts";
import { SiteHarness } from "./site-harness.ts";
import { Works } from "./works.ts";

const seed = Number(process.env["MILLRACE_SEED"] ?? Math.floor(Math.random() * 1e9));
const rounds = process.env["MILLRACE_LONG"] === "1" ? 50 : 5;
const PIPELINE = `version: 1
metrics:
  t: { unit: °C, from: { topic: "f/{machine}/t", number: {} }, accumulate: [count] }
rules:
  hot:
    metric: t
    when: { above: 80 }
    severity: 900
    action: { publish: "f/{machine}/command", payload: STOP, validFor: 1h, armed: true }
`;

test(
  "damage of what is kept for machines, deep in a large store, refuses no start",
  { timeout: 180_000 },
  async () => {
    const works = new Works();
    const site = await SiteHarness.prepare({
      works,
      agent: "alpha-1",
      site: "alpha",
      pipelinePath: works.write("pipeline.yaml", PIPELINE),
      uplinkPort: await works.freePort(),
    });
    const options = { path: site.storePath, kind: "agent", version: AGENT_STORE_VERSION, pid: 1 } as const;
    mkdirSync(site.dataFolder);
    const store = await LevelStore.open(options);
    const put = (prefix: number, number: number, value: Uint8Array) =>
      store.commit([{ type: "put", key: numberKey(prefix, number), value }], { isSync: false });
    // More than a start looks at before LevelDB gets it.
    for (let number = 0; number < 640; number += 1)
      await put(PREFIX.quarantine, number, randomBytes(64 * 1024));
    for (let number = 0; number < 100; number += 1) await put(PREFIX.retained, number, randomBytes(1_000));
    await store.compact(Uint8Array.of(0), Uint8Array.of(255));
    await store.close();
    const tables = readdirSync(site.storePath).filter((name) => name.endsWith(".ldb"));
    const last = join(site.storePath, tables.sort().at(-1) ?? "");
    const bytes = readFileSync(last);
    // The last data block's entries: their lengths are none.
    writeFileSync(last, bytes.fill(0xff, bytes.length - 40_000, bytes.length - 20_000));
    await site.start();
    const { store: found } = await site.status();
    expect(found).toMatchObject({ failure: null });
    expect(await site.process.stop()).toBe(0);
  },
);

test(
  `killed ${rounds} times: no command that was acknowledged is lost to a machine that is away`,
  { timeout: 60_000 + rounds * 20_000 },
  async () => {
    console.log(`MILLRACE_SEED=${seed}`);
    const random = new SeededRandom(seed, "kept sessions");
    const works = new Works();
    const site = await SiteHarness.prepare({
      works,
      agent: "alpha-1",
      site: "alpha",
      pipelinePath: works.write("pipeline.yaml", PIPELINE),
      // Nobody is there: all of it works with the uplink down.
      uplinkPort: await works.freePort(),
    });
    const client = async (clientId: string, options: IClientOptions = {}): Promise<MqttClient> => {
      const made = await connectAsync(site.brokerUrl, { clientId, reconnectPeriod: 0, ...options });
      made.on("error", () => {});
      works.atEnd(() => made.endAsync(true));
      return made;
    };
    await site.start();
    const first = await client("press", { clean: false });
    await first.subscribeAsync("f/press/command", { qos: 1 });
    // At once: the subscription was acknowledged.
    await site.process.kill();
    await first.endAsync(true);

    const acknowledged: string[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await site.start();
      const panel = await client("panel", { clean: true });
      const killAt = random.integer(1, 40);
      await new Promise<void>((resolve) => {
        for (let number = 0; number < 40; number += 1) {
          const command = `${round} ${number}`;
          panel.publish("f/press/command", command, { qos: 1 }, (error) => {
            if (error) return;
            acknowledged.push(command);
            if (number === killAt - 1) resolve();
          });
        }
      });
      await panel.publishAsync("f/press/recipe", String(round), { qos: 1, retain: true });
      // A rule's own command waits like any other.
      await panel.publishAsync("f/press/t", "90", { qos: 1 });
      await site.until("the alarm has acted", ({ alarms }) => alarms.length > 0);
      await site.process.kill();
      await panel.endAsync(true);
    }

    await site.start();
    const seen: string[] = [];
    const machine = connect(site.brokerUrl, { clientId: "press", clean: false, reconnectPeriod: 0 });
    works.atEnd(() => machine.endAsync(true));
    machine.on("message", (topic, payload) => seen.push(`${topic} ${payload.toString()}`));
    const commands = () =>
      seen
        .filter((line) => line.startsWith("f/press/command"))
        .map((line) => line.slice("f/press/command ".length));
    await vi.waitFor(() => expect(commands()).toEqual(expect.arrayContaining(acknowledged)), 10_000);
    expect(commands().filter((command) => command.startsWith("{"))).not.toEqual([]);
    await machine.subscribeAsync("f/press/recipe");
    await vi.waitFor(() => expect(seen).toContain(`f/press/recipe ${rounds - 1}`));
    expect(await site.process.stop()).toBe(0);
  },
);
