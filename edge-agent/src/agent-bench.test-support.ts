// An agent on a store in memory and a link made of calls, in simulated time; and what it is told and sends.
import { type AgentConfig, loadPipeline } from "@millrace/config";
import { MemoryStore, type Store } from "@millrace/queue";
import { Metrics, silentLogger, zstdCompression } from "@millrace/runtime";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import { type AlarmEvent, decodeAlarmBatch, unpackBody } from "@millrace/wire";
import { ScriptedCentral } from "./scripted-central.test-support.ts";
import { TEST_AGENT_CONFIG } from "./agent-config.test-support.ts";
import { Agent } from "./agent.ts";
import { PREFIX, prefixRange } from "./durability/agent-store.ts";

export const START_MS = Date.UTC(2026, 0, 5, 8);

export const DAY_MS = 86_400_000;

export const HOUR_MS = 3_600_000;

export const PIPELINE = `
version: 1
metrics:
  temperature:
    unit: °C
    from: { topic: "factory/{site}/{machine}/temperature", json: { value: $.t, time: { path: $.ts, unit: ms } } }
    accumulate: [count, sum, min, max]
    live: true
  level:
    unit: m
    from: { topic: "factory/{site}/{machine}/level", number: {} }
    accumulate: [count]
windows:
  temperature_10s: { metric: temperature, size: 10s, by: [site] }
  level_10s: { metric: level, size: 10s, by: [site] }
rules:
  overheating:
    metric: temperature
    when: { above: 80, clearBelow: 75 }
    severity: 900
    action: { publish: "factory/{site}/{machine}/command", payload: STOP, armed: true }
`;

export const RULES = `
version: 1
metrics:
  temperature:
    unit: °C
    from:
      topic: factory/{site}/{machine}/temperature
      json: { value: $.t, time: { path: $.ts, unit: ms } }
windows: { w: { metric: temperature, size: 1s, by: [site] } }
rules:
  overheating:
    metric: temperature
    when: { above: 80, clearBelow: 75 }
    severity: 900
    action: { publish: "factory/{site}/{machine}/command", payload: STOP, latch: false, armed: true }
  silent:
    metric: temperature
    when: { missing: { for: 20s } }
    severity: 500
maintenance: { topic: "factory/{site}/{machine}/maintenance", equals: "yes", longest: 1h }
`;

export interface BenchOptions {
  readonly store?: Store;
  readonly hasLostCommits?: boolean;
  readonly startMs?: number;
  /** How far the agent's wall clock is ahead of the sensors'. */
  readonly offsetMs?: number;
  readonly bytesMax?: number;
  readonly seriesPerMetricMax?: number;
  readonly heldReadingsMax?: number;
  /** The uplink is one over Kafka: nobody tells the time. */
  readonly isKafka?: boolean;
  readonly payloadBytesMax?: number;
  readonly pipeline?: string;
  readonly freeBytes?: () => number;
  readonly liveIntervalMs?: number;
  readonly recorder?: AgentConfig["recorder"];
  failedForGood?(): void;
}

const KAFKA = { brokers: ["kafka:9092"], topic: "uplink", clientId: "alpha-1", tls: null, sasl: null };

export async function bench(options: BenchOptions = {}) {
  const time = new SimulatedTime(options.startMs ?? START_MS);
  const wall = { offsetMs: options.offsetMs ?? 0 };
  const central = new ScriptedCentral(() => START_MS);
  const commands: { topic: string; payload: string }[] = [];
  const store = options.store ?? new MemoryStore();
  const agent = await Agent.open({
    config: {
      ...config,
      recorder: options.recorder ?? config.recorder,
      uplink: { ...config.uplink, kafka: options.isKafka === true ? KAFKA : null },
      commit: { ...config.commit, liveIntervalMs: options.liveIntervalMs ?? config.commit.liveIntervalMs },
      outbox: { ...config.outbox, bytesMax: options.bytesMax ?? config.outbox.bytesMax },
      limits: {
        ...config.limits,
        seriesPerMetricMax: options.seriesPerMetricMax ?? config.limits.seriesPerMetricMax,
        heldReadingsMax: options.heldReadingsMax ?? config.limits.heldReadingsMax,
        payloadBytesMax: options.payloadBytesMax ?? config.limits.payloadBytesMax,
      },
    },
    pipeline: loadPipeline("/pipeline.yaml", { readFile: () => options.pipeline ?? PIPELINE }).config,
    store,
    hasLostCommits: options.hasLostCommits ?? false,
    freeBytes: () => options.freeBytes?.() ?? null,
    clock: time.clock({ offsetMs: () => wall.offsetMs }),
    random: new SeededRandom(1),
    log: silentLogger,
    metrics: new Metrics(),
    compression: zstdCompression,
    transport: central,
    instance: "test",
    program: "test",
    unavailableSensors: () => ({}),
    failedForGood: () => options.failedForGood?.(),
    publish: (topic, payload) => {
      commands.push({ topic, payload });
      return Promise.resolve();
    },
  });
  const publish = (topic: string, payload: string, isRetained = false, isFresh = false, qos: 0 | 1 = 1) =>
    agent.receive({
      topic,
      payload: new TextEncoder().encode(payload),
      isRetained,
      isFresh,
      isOversized: false,
      qos,
      client: "sensor",
      arrivedMonotonicMs: time.nowMs,
    });
  const temperature = (t: number, ts = time.nowMs, isRetained = false) =>
    publish("factory/alpha/m1/temperature", JSON.stringify({ t, ts }), isRetained);
  const answer = (state: string, { isFresh }: { readonly isFresh: boolean }) =>
    void publish("factory/alpha/m1/state", state, true, isFresh);
  return { agent, time, wall, central, commands, store, publish, temperature, answer };
}

export const config: AgentConfig = {
  ...TEST_AGENT_CONFIG,
  limits: { ...TEST_AGENT_CONFIG.limits, seriesPerMetricMax: 2 },
};

/** Steps of alarms that central was sent. */
export function alarmsOf({ batches }: ScriptedCentral): readonly AlarmEvent[] {
  return batches
    .filter(({ kind }) => kind === "alarms")
    .flatMap((batch) => {
      const unpacked = unpackBody(batch, zstdCompression);
      const decoded = unpacked.ok ? decodeAlarmBatch(unpacked.body) : unpacked;
      return decoded.ok ? decoded.message : [];
    });
}

export async function audits(store: MemoryStore): Promise<unknown[]> {
  const lines: unknown[] = [];
  for await (const { value } of store.range(prefixRange(PREFIX.audit)))
    lines.push(JSON.parse(new TextDecoder().decode(value)));
  return lines;
}
