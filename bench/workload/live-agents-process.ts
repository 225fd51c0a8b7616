// Many agents in one process, each a connection to central over which it says what an agent says: hello, what its open panes have
// gained each live interval, and a heartbeat each second. First message the options; "connected" comes back when all are welcome.
import { connectAsync } from "mqtt";
import { paneLayout, type PaneRows, PaneTable } from "@millrace/stream";
import {
  downTopic,
  encodeMessage,
  parseDownTopic,
  parseAck,
  type UpTopic,
  upTopic,
  WIRE_VERSION,
} from "@millrace/wire";
import { storeIdOf } from "./returning-agent.ts";
import { sealedPanes } from "./sealed-panes.ts";

export interface LiveAgentsOptions {
  readonly port: number;
  readonly agents: readonly { readonly id: string; readonly site: string; readonly password: string }[];
  readonly metric: string;
  readonly paneMs: number;
  readonly accumulate: readonly string[];
  readonly series: number;
  readonly liveIntervalMs: number;
}

const HEARTBEAT_MS = 1_000;
const OUT_OF_ORDER_MS = 5_000;
const LANE = { oldest: 1, sent: 0, next: 1, epochs: [] };

process.once("message", (options: LiveAgentsOptions) => void connectAll(options));
process.channel?.ref();
process.on("SIGTERM", () => process.exit(0));

async function connectAll(options: LiveAgentsOptions): Promise<void> {
  const { agents, liveIntervalMs } = options;
  const lives: LiveAgent[] = [];
  const GREETED_AT_ONCE = 50;
  for (let from = 0; from < agents.length; from += GREETED_AT_ONCE) {
    const some = agents.slice(from, from + GREETED_AT_ONCE);
    lives.push(...(await Promise.all(some.map((agent, at) => LiveAgent.connect(options, agent, from + at)))));
  }
  // Spread over the interval, as their starts are.
  for (const [index, agent] of lives.entries())
    setTimeout(() => agent.live(liveIntervalMs), (index * liveIntervalMs) / lives.length);
  process.send?.("connected");
  process.on("message", () =>
    process.send?.({
      sent: lives.reduce((sum, { sent }) => sum + sent, 0),
      held: lives.reduce((sum, { held }) => sum + held, 0),
    }),
  );
}

type MqttClient = Awaited<ReturnType<typeof connectAsync>>;

class LiveAgent {
  sent = 0;
  held = 0;
  readonly #options: LiveAgentsOptions;
  readonly #agent: string;
  readonly #site: string;
  readonly #number: number;
  readonly #client: MqttClient;
  readonly #table: PaneTable;

  static async connect(
    options: LiveAgentsOptions,
    { id, site, password }: LiveAgentsOptions["agents"][number],
    number: number,
  ): Promise<LiveAgent> {
    const client = await connectAsync(`mqtt://127.0.0.1:${options.port}`, {
      clientId: `${id}:one`,
      username: id,
      password,
      reconnectPeriod: 0,
      resubscribe: false,
    });
    const agent = new LiveAgent(options, { id, site, number }, client);
    await agent.#greet();
    return agent;
  }

  private constructor(
    options: LiveAgentsOptions,
    { id, site, number }: { readonly id: string; readonly site: string; readonly number: number },
    client: MqttClient,
  ) {
    this.#options = options;
    this.#agent = id;
    this.#site = site;
    this.#number = number;
    this.#client = client;
    const layout = paneLayout(options.paneMs, options.accumulate);
    this.#table = new PaneTable(options.metric, layout, { rowsMax: 1_000 });
  }

  live(intervalMs: number): void {
    setInterval(() => this.#sendLive(), intervalMs);
    setInterval(() => this.#sendHeartbeat(), HEARTBEAT_MS);
  }

  async #greet(): Promise<void> {
    const topics = (["welcome", "ack", "echo"] as const).map((name) => downTopic(this.#agent, name));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#client.on("message", (topic, payload) => {
      const name = parseDownTopic(topic)?.name;
      if (name === "welcome") resolve();
      const ack = name === "ack" ? parseAck(payload) : undefined;
      if (ack?.ok === true && ack.message.lane === "live") this.held = ack.message.mark;
    });
    await this.#client.subscribeAsync(topics, { qos: 0 });
    const hello = {
      agent: this.#agent,
      site: this.#site,
      storeId: storeIdOf(this.#number + 1),
      instance: "one",
      program: "bench",
      wireVersions: [WIRE_VERSION],
      epoch: 0,
      lanes: { alarm: LANE, live: LANE, backfill: LANE, evidence: LANE },
      clockMs: Date.now(),
    };
    this.#send("hello", encodeMessage(hello));
    await promise;
  }

  #sendLive(): void {
    const nowMs = Date.now();
    for (let series = 0; series < this.#options.series; series++)
      this.#table.add(series, nowMs, 20 + ((this.sent + series) % 100) / 10);
    const rows: PaneRows = this.#table.take((series) => ({ site: this.#site, machine: `machine-${series}` }));
    const sequence = ++this.sent;
    const watermarkMs = nowMs - OUT_OF_ORDER_MS;
    this.#send(
      "batch",
      sealedPanes({ storeId: storeIdOf(this.#number + 1), lane: "live", sequence, rows, watermarkMs }),
    );
  }

  #sendHeartbeat(): void {
    const nowMs = Date.now();
    this.#send(
      "heartbeat",
      encodeMessage({
        answers: [],
        instance: "one",
        beat: this.sent,
        sentAtMs: nowMs,
        frontier: {
          epoch: 1,
          number: this.sent,
          watermarkMs: nowMs - OUT_OF_ORDER_MS,
          isIdle: false,
          isClockSynchronised: true,
          pending: [],
          holds: { alarm: 0, live: this.sent, backfill: 0 },
        },
        ledger: {},
        status: { link: "up" },
      }),
    );
  }

  #send(topic: UpTopic, payload: Uint8Array): void {
    this.#client.publish(upTopic(this.#agent, topic), Buffer.from(payload), { qos: 0 });
  }
}
