// The agent as primary host on a site's real Mosquitto: STATE as another client sees it, births and aliases, and every
// reading once though the host is killed.
import { connectAsync } from "mqtt";
import { get } from "sparkplug-payload";
import type { UMetric } from "sparkplug-payload/lib/sparkplugbpayload.js";
import { expect, test } from "vitest";
import type { TruthReading } from "../../simulator/src/truth/truth-line.ts";
import { expectTruth } from "../end-to-end/expect-truth.ts";
import { prepareOneSite } from "../end-to-end/one-site.ts";
import { SiteMosquitto } from "../end-to-end/site-mosquitto.ts";
import { until } from "../end-to-end/until.ts";
import { Works } from "../end-to-end/works.ts";

const STATE = "spBv1.0/STATE/host-1";
const REBIRTH = "spBv1.0/alpha/NCMD/line-1";
const pipeline = {
  version: 1,
  metrics: {
    temperature: {
      unit: "°C",
      from: { sparkplug: { group: "{site}", node: "{line}", device: "{machine}", metric: "Temperature" } },
      accumulate: ["count", "sum", "mean", "min", "max"],
      live: true,
    },
  },
  windows: { tumbling: { metric: "temperature", size: "2s", by: ["site", "machine"] } },
};

/** What a client sees of the host: whether it is online, since when, and whether the broker keeps that. */
interface HostState {
  readonly online: boolean;
  readonly timestamp: number;
  readonly isRetained: boolean;
}

/** An edge node with one device, which keeps what it measures while its primary host is offline. */
class EdgeNode {
  readonly truth: TruthReading[] = [];
  readonly states: HostState[] = [];
  birthCount = 0;
  readonly #client: Awaited<ReturnType<typeof connectAsync>>;
  readonly #library = library();
  #kept: UMetric[] = [];
  #isHostOnline = false;
  #seq = 0;
  #last: UMetric | undefined;

  private constructor(client: Awaited<ReturnType<typeof connectAsync>>) {
    this.#client = client;
    client.on("message", (topic, payload, { retain }) => this.#hear(topic, payload, retain));
  }

  static async connect(url: string): Promise<EdgeNode> {
    const client = await connectAsync(url, { reconnectPeriod: 100 });
    const node = new EdgeNode(client);
    await client.subscribeAsync([STATE, REBIRTH], { qos: 1 });
    return node;
  }

  get isHostOnline(): boolean {
    return this.#isHostOnline;
  }

  measure(value: number): void {
    this.#last = this.#metric(value);
    if (this.#isHostOnline) this.#publish("DDATA", "m1", { ...this.#last, name: null });
    else this.#kept.push(this.#last);
  }

  close(): Promise<void> {
    return this.#client.endAsync(true);
  }

  #hear(topic: string, payload: Buffer, isRetained: boolean): void {
    if (topic === REBIRTH) return this.#bear();
    const state: HostState = { ...JSON.parse(payload.toString()), isRetained };
    this.states.push(state);
    if (state.online && !this.#isHostOnline) {
      this.#isHostOnline = true;
      this.#bear();
      for (const metric of this.#kept.splice(0))
        this.#publish("DDATA", "m1", { ...metric, name: null, isHistorical: true });
    }
    this.#isHostOnline = state.online;
  }

  /** Births tell the current value with its own time. */
  #bear(): void {
    this.birthCount += 1;
    this.#seq = 0;
    this.#publish("NBIRTH", null, { name: "bdSeq", type: "Int64", value: 0 });
    this.#publish("DBIRTH", "m1", ...(this.#last === undefined ? [] : [this.#last]));
  }

  #metric(value: number): UMetric {
    const timestamp = Math.max(Date.now(), Number(this.#last?.timestamp ?? 0) + 1);
    const of = { site: "alpha", line: "line-1", machine: "m1", metric: "temperature" } as const;
    this.truth.push({ type: "reading", ...of, time: timestamp, value });
    return { name: "Temperature", alias: 7, type: "Double", value, timestamp };
  }

  #publish(type: string, device: string | null, ...metrics: UMetric[]): void {
    const payload = this.#library.encodePayload({ timestamp: Date.now(), seq: this.#seq, metrics });
    this.#seq = (this.#seq + 1) % 256;
    const topic = `spBv1.0/alpha/${type}/line-1${device === null ? "" : `/${device}`}`;
    this.#client.publish(topic, Buffer.from(payload), { qos: 0 });
  }
}

function library(): NonNullable<ReturnType<typeof get>> {
  const found = get("spBv1.0");
  if (found == null) throw new Error("no library");
  return found;
}

test.skipIf(SiteMosquitto.program === undefined)(
  "made one by a reload, killed and started again: its STATE and its will are retained, and every reading is in the windows once",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const broker = await SiteMosquitto.start(works);
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const { central, site } = await prepareOneSite(works, pipeline, {
      config: {
        inputs: { mqtt: { url, clientId: "millrace-alpha-1" } },
        sparkplug: { hostId: "host-1", reorderTimeout: "500ms", rebirthInterval: "1s" },
      },
    });
    await central.start();
    const node = await EdgeNode.connect(url);
    works.atEnd(() => node.close());
    node.measure(21);
    expect([node.birthCount, node.states]).toEqual([0, []]);

    // A host from its first metric of Sparkplug on, while it runs.
    works.write("pipeline.yaml", { version: 1, metrics: {}, windows: {} });
    await site.start();
    expect((await site.status()).inputs.map(({ name }) => name)).toEqual(["mqtt"]);
    works.write("pipeline.yaml", pipeline);
    const headers = { "content-type": "application/json" };
    const reload = `http://127.0.0.1:${site.statusPort}/reload`;
    expect((await fetch(reload, { method: "POST", headers, body: "{}" })).status).toBe(200);
    await until("the node sees its host", () => node.isHostOnline);
    for (let value = 22; value < 60; value += 1) node.measure(value);
    const made = node.truth.length;
    await site.until("all is durable", ({ ledger }) => ledger.aggregated === made && ledger.pending === 0);
    const [online] = await statesSeenBy(url);
    expect(online).toEqual({ online: true, timestamp: node.states[0].timestamp, isRetained: true });

    await site.process.kill();
    await until("the will is published", () => !node.isHostOnline);
    // The will is of the connection that it was given with.
    expect(node.states.at(-1)).toMatchObject({ online: false, timestamp: online.timestamp });
    expect(await statesSeenBy(url)).toEqual([{ ...online, online: false }]);
    for (let value = 60; value < 80; value += 1) node.measure(value);

    await site.start();
    await until("the node sees its host again", () => node.isHostOnline);
    expect(node.states.at(-1)?.timestamp).toBeGreaterThan(online.timestamp);
    for (let value = 80; value < 90; value += 1) node.measure(value);
    await site.until("all is read", ({ ledger }) => ledger.aggregated === node.truth.length);

    // With the connection the host forgets all births: the node tells them again, or is asked to.
    await broker.stop();
    await broker.start();
    await site.until("it is connected again", ({ inputs }) => inputs.every(({ isConnected }) => isConnected));
    node.measure(90);
    // Beside them the bad reading of the moment when the connection was lost.
    await site.until(
      "all is read, and that it was gone",
      ({ ledger }) => ledger.aggregated === node.truth.length + 1,
    );
    expect(await statesSeenBy(url)).toMatchObject([{ online: true, isRetained: true }]);
    expect(await site.process.stop()).toBe(0);
    expect(await statesSeenBy(url)).toMatchObject([{ online: false, isRetained: true }]);
    await expectTruth(central, node.truth);
  },
);

/** What a client that comes only now is told of the host. */
async function statesSeenBy(url: string): Promise<HostState[]> {
  const client = await connectAsync(url);
  try {
    const states: HostState[] = [];
    client.on("message", (_topic, payload, { retain: isRetained }) =>
      states.push({ ...JSON.parse(payload.toString()), isRetained }),
    );
    await client.subscribeAsync(STATE, { qos: 1 });
    await until("what the broker keeps", () => states.length > 0);
    return states;
  } finally {
    await client.endAsync(true);
  }
}
