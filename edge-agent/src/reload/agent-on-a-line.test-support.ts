import { type AgentConfig, loadPipeline, type Pipeline } from "@millrace/config";
import { MemoryStore } from "@millrace/queue";
import { type Logger, Metrics, silentLogger, zstdCompression } from "@millrace/runtime";
import { labelsKey } from "@millrace/stream";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import {
  type AgentRequest,
  type AlarmEvent,
  decodeAlarmBatch,
  decodePaneBatch,
  encodeMessage,
  type Heartbeat,
  openBatch,
  parseHeartbeat,
  unpackBody,
  type UplinkHandlers,
  type UplinkTransport,
} from "@millrace/wire";
import { TEST_AGENT_CONFIG } from "../agent-config.test-support.ts";
import { Agent, type AgentOptions } from "../agent.ts";

export const START_MS = Date.UTC(2026, 0, 5, 8);

/** Takes and acknowledges whatever the agent sends. */
class Central implements UplinkTransport {
  readonly bufferedBytes = 0;
  readonly alarms: AlarmEvent[] = [];
  readonly heartbeats: Heartbeat[] = [];
  /** Readings by layout, series and pane. */
  readonly panes = new Map<string, number>();
  requests: readonly AgentRequest[] = [];
  readonly #marks = { alarm: 0, live: 0, backfill: 0, evidence: 0 };
  readonly #nowMs: () => number;
  #handlers: UplinkHandlers | undefined;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  connect(handlers: UplinkHandlers): void {
    this.#handlers = handlers;
    queueMicrotask(() => handlers.opened());
  }

  send(topic: "hello" | "batch" | "heartbeat", payload: Uint8Array): boolean {
    const clockMs = this.#nowMs();
    if (topic === "hello")
      this.#answer("welcome", { type: "welcome", epoch: 1, wireVersion: 1, marks: this.#marks, clockMs });
    else if (topic === "batch") this.#take(payload);
    else {
      const parsed = parseHeartbeat(payload);
      if (!parsed.ok) throw new Error(parsed.detail);
      this.heartbeats.push(parsed.message);
      this.#answer("echo", { beat: parsed.message.beat, clockMs, requests: this.requests });
    }
    return true;
  }

  close(): void {}

  #take(payload: Uint8Array): void {
    const opened = openBatch(payload);
    if (!opened.ok) throw new Error(opened.reason);
    const { lane, sequence, kind } = opened.batch;
    if (sequence <= this.#marks[lane]) return;
    this.#marks[lane] = sequence;
    const unpacked = unpackBody(opened.batch, zstdCompression);
    if (!unpacked.ok) throw new Error(unpacked.detail);
    const { body } = unpacked;
    if (kind === "alarms") {
      const events = decodeAlarmBatch(body);
      if (events.ok) this.alarms.push(...events.message);
    } else if (kind === "panes") this.#merge(body);
    this.#answer("ack", { lane, mark: this.#marks[lane] });
  }

  #merge(body: Uint8Array): void {
    const decoded = decodePaneBatch(body);
    if (!decoded.ok) throw new Error(decoded.detail);
    for (const { metric, layout, rowCount, series, seriesIndex, startMs, state } of decoded.message.sections)
      for (let row = 0; row < rowCount; row += 1) {
        const key = `${metric} ${layout.key} ${labelsKey(series[seriesIndex[row]])} ${startMs[row]}`;
        this.panes.set(key, (this.panes.get(key) ?? 0) + state[row * layout.stride]);
      }
  }

  #answer(topic: "welcome" | "ack" | "echo", message: Parameters<typeof encodeMessage>[0]): void {
    const handlers = this.#handlers;
    queueMicrotask(() => handlers?.message(topic, encodeMessage(message)));
  }
}

export function pipelineOf(text: string): Pipeline {
  return loadPipeline("/pipeline.yaml", { readFile: () => text }).config;
}

/** An agent in simulated time whose central takes everything. */
export async function agentOnALine(options: {
  readonly pipeline: Pipeline;
  readonly limits?: Partial<AgentConfig["limits"]>;
  readonly store?: MemoryStore;
  readonly startMs?: number;
  readonly log?: Logger;
  readonly configuration?: AgentOptions["configuration"];
  readonly pushPipeline?: AgentOptions["pushPipeline"];
}) {
  const time = new SimulatedTime(options.startMs ?? START_MS);
  const central = new Central(() => time.nowMs);
  const commands: string[] = [];
  const store = options.store ?? new MemoryStore();
  const agent = await Agent.open({
    config: { ...CONFIG, limits: { ...CONFIG.limits, ...options.limits } },
    pipeline: options.pipeline,
    store,
    hasLostCommits: false,
    clock: time.clock(),
    random: new SeededRandom(1),
    log: options.log ?? silentLogger,
    metrics: new Metrics(),
    compression: zstdCompression,
    transport: central,
    instance: `test ${time.nowMs}`,
    program: "test",
    unavailableSensors: () => ({}),
    ...(options.configuration === undefined ? {} : { configuration: options.configuration }),
    ...(options.pushPipeline === undefined ? {} : { pushPipeline: options.pushPipeline }),
    publish: (topic, payload) => {
      commands.push(`${topic} ${payload}`);
      return Promise.resolve();
    },
  });
  const publish = (topic: string, payload: string) =>
    agent.receive({
      topic,
      payload: new TextEncoder().encode(payload),
      isRetained: false,
      isOversized: false,
      qos: 1,
      client: "sensor",
      arrivedMonotonicMs: time.nowMs,
    });
  return { agent, time, central, commands, store, publish };
}

const CONFIG: AgentConfig = {
  ...TEST_AGENT_CONFIG,
  outbox: { ...TEST_AGENT_CONFIG.outbox, bytesMax: 1 << 24, retainAckedMs: 0 },
};
