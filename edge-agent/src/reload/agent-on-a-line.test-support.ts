import { type AgentConfig, loadPipeline, type Pipeline } from "@millrace/config";
import { MemoryStore } from "@millrace/queue";
import { type Logger, Metrics, silentLogger, zstdCompression } from "@millrace/runtime";
import { labelsKey } from "@millrace/stream";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import {
  type AlarmEvent,
  decodeAlarmBatch,
  decodePaneBatch,
  type SealedBatch,
  unpackBody,
} from "@millrace/wire";
import { TEST_AGENT_CONFIG } from "../agent-config.test-support.ts";
import { Agent } from "../agent.ts";
import type { AgentOptions } from "../agent-options.ts";
import { ScriptedCentral } from "../scripted-central.test-support.ts";

export const START_MS = Date.UTC(2026, 0, 5, 8);

/** Takes and acknowledges whatever the agent sends. */
class Central extends ScriptedCentral {
  readonly alarms: AlarmEvent[] = [];
  /** Readings by layout, series and pane. */
  readonly panes = new Map<string, number>();

  override send(topic: "hello" | "batch" | "heartbeat", payload: Uint8Array): boolean {
    super.send(topic, payload);
    if (this.refusedCount > 0) throw new Error("a batch cannot be read");
    const batch = this.batches.at(-1);
    if (topic === "batch" && batch !== undefined) this.#take(batch);
    return true;
  }

  #take(batch: SealedBatch): void {
    if (batch.sequence <= this.marks[batch.lane]) return;
    const unpacked = unpackBody(batch, zstdCompression);
    if (!unpacked.ok) throw new Error(unpacked.detail);
    const { body } = unpacked;
    if (batch.kind === "alarms") {
      const events = decodeAlarmBatch(body);
      if (events.ok) this.alarms.push(...events.message);
    } else if (batch.kind === "panes") this.#merge(body);
    this.acknowledge();
    // A long run sends many.
    this.batches.length = 0;
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
