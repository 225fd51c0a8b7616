import { type AgentConfig, loadPipeline, type Pipeline } from "@millrace/config";
import { Agent } from "@millrace/edge-agent";
import { Central } from "@millrace/central";
import { type Change, type MemorySnapshot, MemoryStore, type Store } from "@millrace/queue";
import { type Logger, MemoryLogger, Metrics, zstdCompression } from "@millrace/runtime";
import type { Frontier } from "@millrace/stream";
import { healthyLink, SeededRandom, SimulatedLink, SimulatedTime } from "@millrace/testkit";
import { encodeMessage, parseHeartbeat, peekHeader, type UplinkTransport } from "@millrace/wire";
import { TEST_AGENT_CONFIG } from "../../edge-agent/src/agent-config.test-support.ts";
import { Plant, type SimulatedReading } from "./plant.ts";
import { type HeldReading, PublicationWatch } from "./publication-watch.ts";

const KEPT = { retainMs: 400 * 86_400_000, bytesMax: 2 ** 30 };
const HISTORY = { "1s": KEPT, "10s": KEPT, "1m": KEPT, "1h": KEPT, "1d": KEPT };

/** Defects that a run plants on purpose, to show that the check would find them. */
export const PLANTED_BUGS = [
  "trim_before_ack",
  "puback_before_commit",
  "commit_without_sync",
  "frontier_without_holds",
  "pending_dropped",
  "out_of_orderness_forgotten",
] as const;
export type PlantedBug = (typeof PLANTED_BUGS)[number];

const START_MS = Date.UTC(2026, 0, 5, 8);
const RESEND_AFTER_MS = 2_000;
const OUT_OF_ORDERNESS_MS = 5_000;
/** So slow that a backlog is under way for seconds. */
const BACKFILL_BYTES_PER_SECOND = 500;
const PIPELINE = `
version: 1
metrics:
  temperature:
    unit: °C
    from: { topic: "factory/{site}/{line}/{machine}/temperature", json: { value: $.temperature, time: { path: $.ts, unit: ms } } }
    accumulate: [count, sum, min, max, mean, first, last]
    live: true
windows:
  temperature_10s: { metric: temperature, size: 10s, by: [site] }
  temperature_20s: { metric: temperature, size: 20s, slide: 5s, by: [site] }
  temperature_all_10s: { metric: temperature, size: 10s }
  temperature_short_5s: { metric: temperature, size: 5s, by: [site], late: { allowed: 20s } }
`;

/** What a running agent is given instead, and back: other panes of the same metric, a rule, and a metric that nobody sends. */
const OTHER_PIPELINE = `${PIPELINE.replace(
  "windows:",
  `  level:
    unit: m
    from: { topic: "factory/{site}/{line}/{machine}/level", number: {} }
    accumulate: [count]
windows:`,
)}  temperature_finer: { metric: temperature, size: 2500ms, by: [site, machine] }
  level_10s: { metric: level, size: 10s, by: [site] }
rules:
  often: { window: temperature_finer, value: count, when: { above: 3 }, severity: 100 }
  hot: { metric: temperature, when: { above: 52, clearBelow: 51 }, severity: 100 }
`;

export function simulatedPipeline(text = PIPELINE): Pipeline {
  return loadPipeline("/simulation/pipeline.yaml", { readFile: () => text }).config;
}

const OTHER = simulatedPipeline(OTHER_PIPELINE);

/** One gateway with its store, its link, and the sensors of its site. */
export class SimulatedSite {
  readonly name: string;
  #store: MemoryStore;
  readonly link: SimulatedLink;
  readonly truth: SimulatedReading[] = [];
  /** How far the gateway's wall clock is off; the sensors' are right. */
  clockOffsetMs = 0;
  /** What the agent has acknowledged, each once, in that order. */
  readonly held: HeldReading[] = [];
  readonly #world: World;
  readonly #config: AgentConfig;
  readonly #plant: Plant;
  readonly #random: SeededRandom;
  /** What the sensors have sent and hold until it is acknowledged. */
  readonly #unacknowledged = new Set<SimulatedReading>();
  #agent: Agent | undefined;
  /** As its file has it. */
  #pipeline: Pipeline;
  #life = 0;
  #isUp = false;
  #isProducing = true;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.#pipeline = world.pipeline;
    this.#random = new SeededRandom(world.seed, `site ${name}`);
    const inFlightBatchesMax = 2 ** new SeededRandom(world.seed, `config ${name}`).integer(1, 5);
    const { outboxBytesMax, backfillBytesPerSecond = BACKFILL_BYTES_PER_SECOND, recorder = null } = world;
    const uplink = { backfillBytesPerSecond, inFlightBatchesMax };
    this.#config = { ...simulatedAgentConfig(name, { outboxBytesMax, uplink }), recorder };
    this.#plant = new Plant({ seed: world.seed, site: name, machineCount: 3 });
    this.#store = world.disk(name, world.images[name]);
    this.link = new SimulatedLink({
      time: world.time,
      random: new SeededRandom(world.seed, `link ${name}`),
      agent: `${name}-1`,
      faults: healthyLink(),
      intake: () => world.central,
    });
  }

  get unacknowledgedCount(): number {
    return this.#unacknowledged.size;
  }

  status() {
    return this.#agent?.status();
  }

  /** One process at a time holds the store. */
  async start(): Promise<void> {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#life += 1;
    const life = this.#life;
    const isAlive = () => life === this.#life;
    let agent: Agent;
    try {
      agent = await this.#open(isAlive, life);
    } catch (error) {
      if (isAlive()) throw error;
      return;
    }
    if (!isAlive()) return;
    agent.start();
    this.#agent = agent;
    for (const reading of this.#unacknowledged) this.#deliver(reading);
  }

  #open(isAlive: () => boolean, life: number): Promise<Agent> {
    const world = this.#world;
    return Agent.open({
      config: this.#config,
      pipeline: this.#pipeline,
      store: this.#storeOf(world),
      hasLostCommits: world.hasLostCommits,
      lossBooked: () => {
        world.hasLostCommits = false;
      },
      clock: world.time.clock({ isAlive, offsetMs: () => this.clockOffsetMs }),
      random: new SeededRandom(world.seed, `agent ${this.name} ${life}`),
      log: world.log.child(this.name),
      metrics: new Metrics(),
      compression: zstdCompression,
      transport: planted(this.link.transport(isAlive), world.bug),
      instance: `${this.name}-${life}`,
      program: "simulation",
      unavailableSensors: () => ({}),
      publish: () => Promise.resolve(),
    });
  }

  #storeOf(world: World): Store {
    if (world.bug === "commit_without_sync") return withoutSync(this.#store);
    if (world.committing === undefined) return this.#store;
    const store = this.#store;
    return {
      ...withoutSync(store),
      commit: (changes, options) => {
        world.committing?.(this.name, changes);
        return store.commit(changes, options);
      },
    };
  }

  /** The pipeline file is changed, or changed back, and the agent takes it over; one that is down does at its start. */
  reload(): void {
    this.#pipeline = this.#pipeline === this.#world.pipeline ? OTHER : this.#world.pipeline;
    void this.#agent?.changePipeline(this.#pipeline);
  }

  /** The next commits fail, as on a full disk. */
  failDisk(commitCount: number): void {
    this.#store.failNextCommits(commitCount);
  }

  /** The disk's operations since this process has it. */
  get operationCount(): number {
    return this.#store.operationCount;
  }

  /** That operation of the disk fails, whatever it is. */
  failOperation(number: number): void {
    this.#store.failOperationNumber(number);
  }

  /** As `kill -9` and a power cut: memory is gone, and what was not synced. */
  crash(): void {
    this.#isUp = false;
    this.#life += 1;
    this.#agent = undefined;
    this.#store = this.#store.crash({ tornTail: true });
  }

  /** Bytes of stored values go bad. */
  damageDisk(keys: readonly Uint8Array[]): void {
    for (const key of keys) this.#store.damage(key, (value) => value.fill(0, value.length - 9));
  }

  /** What a backup of the running gateway's disk holds. */
  image(): MemorySnapshot {
    return this.#store.snapshot();
  }

  /** The machine is gone, and its disk is brought back as it was then. */
  rollBack(image: MemorySnapshot): void {
    this.crash();
    this.#store = this.#world.disk(`${this.name} ${this.#life}`, image);
  }

  /** The sensors begin to send; each reading until it is acknowledged. */
  produce(): void {
    const fromMs = this.#world.time.nowMs;
    if (!this.#isProducing) return;
    for (const reading of this.#plant.readings(fromMs)) {
      this.truth.push(reading);
      this.#unacknowledged.add(reading);
      const delayMs =
        reading.timeMs - fromMs + (this.#random.chance(0.1) ? this.#random.integer(0, 3_000) : 0);
      this.#world.time.after(delayMs, () => this.#deliver(reading));
      if (this.#random.chance(0.05)) this.#world.time.after(delayMs + 500, () => this.#deliver(reading));
    }
    this.#world.time.after(Plant.intervalMs, () => this.produce());
  }

  stopProducing(): void {
    this.#isProducing = false;
  }

  /** A message of a machine, QoS 1; settles as the agent's own promise does. Undefined while the gateway is down. */
  publish(topic: string, payload: Uint8Array): ReturnType<Agent["receive"]> {
    return this.#agent?.receive({
      topic,
      payload,
      isRetained: false,
      isOversized: false,
      qos: 1,
      client: "machine",
      arrivedMonotonicMs: this.#world.time.nowMs,
    });
  }

  #deliver(reading: SimulatedReading): void {
    const agent = this.#agent;
    const life = this.#life;
    if (agent === undefined) return;
    const payload = new TextEncoder().encode(
      JSON.stringify({ temperature: reading.value, ts: reading.timeMs }),
    );
    const { watermarkMs } = agent.status();
    const durable = agent.receive({
      topic: reading.topic,
      payload,
      isRetained: false,
      isOversized: false,
      qos: 1,
      client: reading.machine,
      arrivedMonotonicMs: this.#world.time.nowMs,
    });
    const acknowledge = () => {
      if (life !== this.#life || !this.#unacknowledged.delete(reading)) return;
      this.held.push({ timeMs: reading.timeMs, value: reading.value, watermarkMs });
    };
    if (this.#world.bug === "puback_before_commit") acknowledge();
    durable?.then(acknowledge, () => undefined);
    this.#world.time.after(RESEND_AFTER_MS, () => {
      if (this.#unacknowledged.has(reading)) this.#deliver(reading);
    });
  }
}

/** Sites, links and central in one process and one simulated time, all from one seed. */
export class World {
  readonly seed: number;
  readonly time: SimulatedTime;
  readonly log: Logger;
  readonly pipeline: Pipeline;
  readonly sites: readonly SimulatedSite[];
  readonly publications: PublicationWatch;
  #centralStore: MemoryStore;
  readonly bug: PlantedBug | undefined;
  readonly images: Readonly<Record<string, MemorySnapshot>>;
  hasLostCommits: boolean;
  readonly outboxBytesMax: number | undefined;
  readonly backfillBytesPerSecond: number | undefined;
  readonly recorder: AgentConfig["recorder"] | undefined;
  /** Told of each commit of a site's agent, before it takes effect. */
  committing: ((site: string, changes: readonly Change[]) => void) | undefined;
  central: Central | undefined;
  /** How far central's wall clock is off. */
  centralClockOffsetMs = 0;
  /** What each operation of central's disk takes beside its usual time. */
  centralDiskDelayMs = 0;
  #centralLife = 0;
  #isCentralUp = false;

  constructor(options: {
    readonly seed: number;
    readonly bug?: PlantedBug;
    readonly log?: Logger;
    readonly outboxBytesMax?: number;
    readonly backfillBytesPerSecond?: number;
    readonly recorder?: AgentConfig["recorder"];
    /** Another pipeline file than the usual one. */
    readonly pipeline?: string;
    readonly startMs?: number;
    /** What the disks hold at the start, by the names of the sites and `central`. */
    readonly images?: Readonly<Record<string, MemorySnapshot>>;
    /** Some of what the agents' disks held is gone, and nothing tells what. */
    readonly hasLostCommits?: boolean;
  }) {
    this.seed = options.seed;
    this.time = new SimulatedTime(options.startMs ?? START_MS);
    this.images = options.images ?? {};
    this.hasLostCommits = options.hasLostCommits ?? false;
    this.pipeline = simulatedPipeline(options.pipeline);
    this.outboxBytesMax = options.outboxBytesMax;
    this.backfillBytesPerSecond = options.backfillBytesPerSecond;
    this.recorder = options.recorder;
    this.bug = options.bug;
    this.log = options.log ?? new MemoryLogger();
    this.#centralStore = this.disk("central", this.images["central"]);
    this.sites = ["alpha", "beta"].map((name) => new SimulatedSite(this, name));
    this.publications = new PublicationWatch({
      sites: this.sites.map(({ name }) => name),
      held: (name) => this.sites.find((site) => site.name === name)?.held ?? [],
    });
  }

  /** Told of each operation of a disk when it has begun. */
  operating: ((disk: string) => void) | undefined;

  /** A disk that takes its time, so that a crash finds commits under way. */
  disk(name: string, image?: MemorySnapshot): MemoryStore {
    const random = new SeededRandom(this.seed, `disk ${name}`);
    const delay = () => {
      this.operating?.(name);
      const { promise, resolve } = Promise.withResolvers<void>();
      const slowMs = name === "central" ? this.centralDiskDelayMs : 0;
      this.time.after(slowMs + (random.chance(0.02) ? random.next() * 300 : random.next() * 10), resolve);
      return promise;
    };
    return new MemoryStore({ random, delay }, image);
  }

  /** One process at a time holds the store. */
  async startCentral(): Promise<void> {
    if (this.#isCentralUp) return;
    this.#isCentralUp = true;
    this.#centralLife += 1;
    const life = this.#centralLife;
    const central = new Central({
      agents: this.sites.map(({ name }) => ({ id: `${name}-1`, site: name })),
      pipeline: this.pipeline,
      graceMs: 2_000,
      retainMs: 30 * 86_400_000,
      history: HISTORY,
      evidence: { bytesMax: 2 ** 30, retainMs: 30 * 86_400_000, unfinishedMs: 7 * 86_400_000 },
      silentAfterMs: 3_000,
      store: this.#centralStore,
      clock: this.time.clock({
        isAlive: () => life === this.#centralLife,
        offsetMs: () => this.centralClockOffsetMs,
      }),
      random: new SeededRandom(this.seed, `central ${life}`),
      log: this.log.child("central"),
      compression: zstdCompression,
      onFailed: () => this.#restartCentral(),
    });
    central.subscribe(({ windows }) => {
      if (life === this.#centralLife) for (const window of windows) this.publications.published(window);
    });
    try {
      await central.open();
    } catch (error) {
      if (life === this.#centralLife) throw error;
    }
    if (life === this.#centralLife) this.central = central;
  }

  centralImage(): MemorySnapshot {
    return this.#centralStore.snapshot();
  }

  failCentralDisk(commitCount: number): void {
    this.#centralStore.failNextCommits(commitCount);
  }

  /** What a service manager does when central has given its disk up. */
  #restartCentral(): void {
    this.crashCentral();
    this.time.after(1_000, () => void this.startCentral());
  }

  crashCentral(): void {
    this.#isCentralUp = false;
    this.#centralLife += 1;
    this.central = undefined;
    this.#centralStore = this.#centralStore.crash({ tornTail: true });
  }

  truth(): SimulatedReading[] {
    return this.sites.flatMap(({ truth }) => truth);
  }

  /** Every sensor acknowledged, every outbox empty: nothing is under way any more. */
  isDrained(): boolean {
    return this.sites.every((site) => {
      const status = site.status();
      if (status === undefined || site.unacknowledgedCount > 0) return false;
      if (status.ledger.open > 0 || status.ledger.held > 0) return false;
      return Object.values(status.lanes).every((lane) => lane.queuedBatches === 0);
    });
  }
}

export function simulatedAgentConfig(
  site: string,
  options: { readonly outboxBytesMax?: number; readonly uplink?: Partial<AgentConfig["uplink"]> } = {},
): AgentConfig {
  return {
    ...TEST_AGENT_CONFIG,
    agent: `${site}-1`,
    site,
    sparkplug: { ...TEST_AGENT_CONFIG.sparkplug, hostId: site },
    uplink: { ...TEST_AGENT_CONFIG.uplink, url: "memory", username: `${site}-1`, ...options.uplink },
    outbox: { ...TEST_AGENT_CONFIG.outbox, bytesMax: options.outboxBytesMax ?? 1 << 30 },
    limits: {
      ...TEST_AGENT_CONFIG.limits,
      payloadBytesMax: 65_536,
      seriesPerMetricMax: 1_000,
      outOfOrdernessMs: OUT_OF_ORDERNESS_MS,
      dedupeKeysMax: 1_000_000,
      heldReadingsMax: 100_000,
    },
  };
}

/** What each of these bugs makes of the frontiers that heartbeats carry. */
const FRONTIER_LIES: Partial<Record<PlantedBug, (frontier: Frontier) => Frontier>> = {
  frontier_without_holds: (frontier) => ({ ...frontier, holds: { alarm: 0, live: 0, backfill: 0 } }),
  pending_dropped: (frontier) => ({ ...frontier, pending: [] }),
  out_of_orderness_forgotten: (frontier) => ({
    ...frontier,
    watermarkMs: frontier.watermarkMs === null ? null : frontier.watermarkMs + OUT_OF_ORDERNESS_MS,
  }),
};

function lying(transport: UplinkTransport, lie: (frontier: Frontier) => Frontier): UplinkTransport {
  return {
    get bufferedBytes() {
      return transport.bufferedBytes;
    },
    connect: (handlers) => transport.connect(handlers),
    send: (topic, payload) => {
      const heartbeat = topic === "heartbeat" ? parseHeartbeat(payload) : undefined;
      if (heartbeat?.ok !== true) return transport.send(topic, payload);
      const { message } = heartbeat;
      return transport.send(topic, encodeMessage({ ...message, frontier: lie(message.frontier) }));
    },
    close: () => transport.close(),
  };
}

/** The transport with the run's defect in it, if it is one of the link's. */
function planted(transport: UplinkTransport, bug: PlantedBug | undefined): UplinkTransport {
  const lie = bug === undefined ? undefined : FRONTIER_LIES[bug];
  if (lie !== undefined) return lying(transport, lie);
  if (bug !== "trim_before_ack") return transport;
  let tell: ((payload: Uint8Array) => void) | undefined;
  return {
    get bufferedBytes() {
      return transport.bufferedBytes;
    },
    connect: (handlers) => {
      tell = (payload) => handlers.message("ack", payload);
      transport.connect(handlers);
    },
    send: (topic, payload) => {
      const isSent = transport.send(topic, payload);
      const header = topic === "batch" && isSent ? peekHeader(payload) : undefined;
      if (header !== undefined) tell?.(encodeMessage({ lane: header.lane, mark: header.sequence }));
      return isSent;
    },
    close: () => transport.close(),
  };
}

/** A disk whose user forgot to sync. */
function withoutSync(store: MemoryStore): Store {
  return {
    get: (key) => store.get(key),
    getMany: (keys) => store.getMany(keys),
    commit: (changes) => store.commit(changes, { isSync: false }),
    range: (options) => store.range(options),
    compact: (from, to) => store.compact(from, to),
    reopen: () => store.reopen(),
    close: () => store.close(),
  };
}
