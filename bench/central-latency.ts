import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectAsync } from "mqtt";
import { zstdCompression } from "@millrace/runtime";
import { ACCUMULATORS } from "@millrace/stream";
import type { WindowResult } from "@millrace/stream";
import { parseAck, RowRoom, SeriesMemory } from "@millrace/wire";
import { openEnvelope, openMessage, paneRows } from "../central/src/log/opened-message.ts";
import type { Bench } from "./bench.ts";
import { median, percentile, rounded } from "./measure/statistics.ts";
import { processUsage } from "./measure/process-usage.ts";
import { startAgentBroker } from "./workload/agent-broker.ts";
import { BENCH_AGENT } from "./workload/bench-agent.ts";
import { BenchCentral } from "./workload/bench-central.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { Child } from "./workload/child.ts";
import { EventReader } from "./workload/event-reader.ts";
import type { LiveAgentsOptions } from "./workload/live-agents-process.ts";
import { UplinkTap } from "./workload/uplink-tap.ts";

const LIVE_AGENTS = join(import.meta.dirname, "workload/live-agents-process.ts");
const SSE_RELAY = join(import.meta.dirname, "workload/sse-relay-process.ts");
const METRIC = "temperature";
const ACCUMULATE = ["count", "sum", "mean", "min", "max"];
const WINDOW = "temperature_10s";
const SIZE_MS = 10_000;
const READING_INTERVAL_MS = 20;
const LIVE_INTERVAL_MS = 250;
const SERIES = 5;
const PIPELINE = `version: 1
metrics:
  ${METRIC}:
    unit: °C
    from:
      topic: "factory/{site}/{line}/{machine}/temperature"
      json: { value: $.temperature, time: { path: $.ts, unit: ms } }
    accumulate: [${ACCUMULATE.join(", ")}]
    live: true
windows:
  ${WINDOW}: { metric: ${METRIC}, size: 10s, by: [site] }
  temperature_all: { metric: ${METRIC}, size: 10s }
`;

/** From a sensor to the page of whoever looks, past a thousand agents. */
export const centralLatency: Bench = {
  name: "central-latency",
  summary:
    "sensor → frame of the event stream whose window contains the reading, 1,000 agents sending, p99, and what each stage takes, beside a bare relay",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const others = Array.from({ length: isQuick ? 99 : 999 }, (_, number) => ({
        id: `agent-${number}`,
        site: `site-${number}`,
        password: `password of agent-${number}`,
      }));
      const ends: (() => void | Promise<void>)[] = [];
      try {
        const central = await BenchCentral.prepare(join(folder, "central"), { isEncrypted: false });
        await central.start(PIPELINE, others);
        ends.push(() => central.stop());
        const way = new ReadingWay();
        const tap = await UplinkTap.start(central.intakePort, (name, payload) => way.passes(name, payload));
        ends.push(() => tap.stop());
        const agent = await startAgentBroker(join(folder, "agent"), {
          pipeline: PIPELINE,
          uplink: { port: tap.port, isEncrypted: false },
        });
        ends.push(() => agent.stop());
        say(`${others.length} agents connect`);
        const live = Child.ofModule(LIVE_AGENTS);
        ends.push(() => live.stop());
        const options: LiveAgentsOptions = {
          port: central.intakePort,
          agents: others,
          metric: METRIC,
          paneMs: SIZE_MS,
          accumulate: ACCUMULATE,
          series: SERIES,
          liveIntervalMs: LIVE_INTERVAL_MS,
        };
        await live.ask({ ...options });
        const relay = Child.ofModule(SSE_RELAY);
        ends.push(() => relay.stop());
        const [relayMqtt, relayHttp] = await relay.ask<[number, number]>();
        const page = await EventReader.open(`${central.url}/api/v1/stream`, (data) => way.frame(data));
        ends.push(() => page.close());
        const relayed: number[] = [];
        const relayPage = await EventReader.open(`http://127.0.0.1:${relayHttp}/`, (data) => {
          const { ts }: { ts: number } = JSON.parse(data);
          relayed.push(performance.timeOrigin + performance.now() - ts);
        });
        ends.push(() => relayPage.close());
        const [sensor, relaySensor] = await Promise.all([
          connectAsync(`mqtt://127.0.0.1:${agent.port}`),
          connectAsync(`mqtt://127.0.0.1:${relayMqtt}`),
        ]);
        ends.push(
          () => sensor.endAsync(true),
          () => relaySensor.endAsync(true),
        );
        const measure = async (durationMs: number) => {
          const untilMs = performance.now() + durationMs;
          while (performance.now() < untilMs) {
            const reading = JSON.stringify(way.next());
            sensor.publish(`factory/${BENCH_AGENT.site}/line-1/machine-1/temperature`, reading);
            const ts = performance.timeOrigin + performance.now();
            relaySensor.publish("temperature", JSON.stringify({ ts }));
            await sleep(READING_INTERVAL_MS);
          }
        };
        say("warming up");
        await measure(isQuick ? 2_000 : 10_000);
        way.forget();
        relayed.length = 0;
        say("measuring");
        const cpuFrom = processUsage(central.pid)?.cpuMs ?? NaN;
        const durationMs = isQuick ? 6_000 : 60_000;
        await measure(durationMs);
        const cpuMs = (processUsage(central.pid)?.cpuMs ?? NaN) - cpuFrom;
        const unseen = await way.rest();
        const { sent, held } = await live.ask<{ sent: number; held: number }>("counts");
        const { totalMs, agentMs, heldMs, frameMs } = way;
        const mean = (sample: readonly number[]) => sample.reduce((sum, ms) => sum + ms, 0) / sample.length;
        const share = (sample: readonly number[]) => rounded(mean(sample) / mean(totalMs));
        return {
          value: rounded(percentile(totalMs, 0.99)),
          unit: "ms p99",
          better: "lower",
          peer: {
            name: "a bare relay from MQTT to an event stream",
            value: rounded(percentile(relayed, 0.99)),
          },
          further: {
            medianMs: rounded(median(totalMs)),
            longestMs: rounded(Math.max(...totalMs)),
            agentP50Ms: rounded(median(agentMs)),
            agentP99Ms: rounded(percentile(agentMs, 0.99)),
            heldP50Ms: rounded(median(heldMs)),
            heldP99Ms: rounded(percentile(heldMs, 0.99)),
            frameP50Ms: rounded(median(frameMs)),
            frameP99Ms: rounded(percentile(frameMs, 0.99)),
            agentShare: share(agentMs),
            heldShare: share(heldMs),
            frameShare: share(frameMs),
            relayMedianMs: rounded(median(relayed)),
            readings: totalMs.length,
            unseen,
            agents: others.length + 1,
            batchesPerSecond: rounded((others.length * 1_000) / LIVE_INTERVAL_MS),
            batchesNotHeld: sent - held,
            centralCpuShare: rounded(cpuMs / durationMs),
          },
        };
      } finally {
        for (const end of ends.reverse()) await end();
      }
    }),
};

interface Underway {
  readonly sentMs: number;
  readonly windowMs: number;
  leftMs: number | null;
  sequence: number;
  heldMs: number | null;
}

/** Each reading's way: its value rises by one, so that the greatest of a pane or a window tells which readings are in it. */
class ReadingWay {
  readonly totalMs: number[] = [];
  /** Until the agent's batch leaves. */
  readonly agentMs: number[] = [];
  /** From there until central's acknowledgement: it is durable. */
  readonly heldMs: number[] = [];
  /** From there until the frame. */
  readonly frameMs: number[] = [];
  readonly #underway = new Map<number, Underway>();
  readonly #reading = { compression: zstdCompression, series: new SeriesMemory(), room: new RowRoom() };
  #value = 0;

  next(): { readonly temperature: number; readonly ts: number } {
    const ts = Date.now();
    const windowMs = Math.floor(ts / SIZE_MS) * SIZE_MS;
    this.#value += 1;
    const sentMs = performance.now();
    this.#underway.set(this.#value, { sentMs, windowMs, leftMs: null, sequence: 0, heldMs: null });
    return { temperature: this.#value, ts };
  }

  /** Of the warm-up. */
  forget(): void {
    this.#underway.clear();
    for (const sample of [this.totalMs, this.agentMs, this.heldMs, this.frameMs]) sample.length = 0;
  }

  /** Until the last reading has been seen, for ten seconds at most; how many have not. They count with the time that they have taken. */
  async rest(): Promise<number> {
    for (let tries = 0; tries < 100 && this.#underway.size > 0; tries += 1) await sleep(100);
    for (const { sentMs } of this.#underway.values()) this.totalMs.push(performance.now() - sentMs);
    return this.#underway.size;
  }

  passes(name: string, payload: Uint8Array): void {
    const nowMs = performance.now();
    if (name === "ack") {
      const ack = parseAck(payload);
      if (!ack.ok || ack.message.lane !== "live") return;
      for (const reading of this.#underway.values())
        if (reading.leftMs !== null && reading.sequence <= ack.message.mark) reading.heldMs ??= nowMs;
    }
    if (name !== "batch") return;
    const message = openMessage(openEnvelope("batch", payload), this.#reading);
    if (message.kind !== "batch" || message.batch.lane !== "live") return;
    for (const { layout, startMs, rowCount, state } of paneRows(message)) {
      const at = layout.offsets[layout.accumulators.indexOf(ACCUMULATORS.max)];
      for (let row = 0; row < rowCount; row++)
        for (const reading of this.#upTo(startMs[row], state[row * layout.stride + at]))
          if (reading.leftMs === null)
            Object.assign(reading, { leftMs: nowMs, sequence: message.batch.sequence });
    }
  }

  frame(data: string): void {
    const nowMs = performance.now();
    const { windows = [] }: { windows?: WindowResult[] } = JSON.parse(data);
    for (const { window, group, startMs, values } of windows) {
      if (window !== WINDOW || group["site"] !== BENCH_AGENT.site) continue;
      for (const [value, reading] of this.#underway) {
        if (reading.windowMs !== startMs || value > values["max"]) continue;
        this.#underway.delete(value);
        const { sentMs, leftMs, heldMs } = reading;
        // The acknowledgement and the frame leave in one turn, over two links.
        const durableMs = Math.min(heldMs ?? nowMs, nowMs);
        this.totalMs.push(nowMs - sentMs);
        this.agentMs.push((leftMs ?? durableMs) - sentMs);
        this.heldMs.push(durableMs - (leftMs ?? durableMs));
        this.frameMs.push(nowMs - durableMs);
      }
    }
  }

  *#upTo(windowMs: number, greatest: number): Iterable<Underway> {
    for (const [value, reading] of this.#underway)
      if (reading.windowMs === windowMs && value <= greatest) yield reading;
  }
}
