import type { WindowResult, WindowState } from "@millrace/stream";
import type { ActionState } from "@millrace/wire";
import type { AgentView, AlarmView, Delta, Snapshot, WindowView } from "./feed/live-frames.ts";

const HISTORY_MS = 10 * 60_000;
/** A pane needs this long to reach central. */
const ARRIVAL_MS = 900;

const METRICS = [
  { name: "temperature", unit: "°C", isLive: true, base: 62, swing: 9, noise: 1.6, periodMs: 170_000 },
  { name: "vibration", unit: "mm/s", isLive: true, base: 2.4, swing: 0.7, noise: 0.35, periodMs: 67_000 },
  { name: "pressure", unit: "bar", isLive: true, base: 6.2, swing: 0.25, noise: 0.08, periodMs: 240_000 },
  { name: "cpu_load", unit: "%", isLive: true, base: 31, swing: 14, noise: 6, periodMs: 95_000 },
] as const;
type Metric = (typeof METRICS)[number];

const WINDOWS: readonly WindowView[] = [
  { name: "temperature_5s", metric: "temperature", sizeMs: 5_000, slideMs: 5_000, by: ["site"] },
  { name: "temperature_1m", metric: "temperature", sizeMs: 60_000, slideMs: 10_000, by: ["site"] },
  { name: "temperature_plant_1m", metric: "temperature", sizeMs: 60_000, slideMs: 60_000, by: [] },
  { name: "vibration_5s", metric: "vibration", sizeMs: 5_000, slideMs: 5_000, by: ["site"] },
  { name: "pressure_10s", metric: "pressure", sizeMs: 10_000, slideMs: 10_000, by: ["site"] },
  { name: "cpu_10s", metric: "cpu_load", sizeMs: 10_000, slideMs: 10_000, by: ["site"] },
];

interface FixtureAgent {
  readonly agent: string;
  readonly site: string;
  readonly phase: number;
  readonly metrics: readonly string[];
}

const AGENTS: readonly FixtureAgent[] = [
  { agent: "alpha-1", site: "alpha", phase: 0, metrics: ["temperature", "vibration", "pressure"] },
  { agent: "beta-1", site: "beta", phase: 2.1, metrics: ["temperature", "vibration", "pressure"] },
  { agent: "gateway", site: "gateway", phase: 4, metrics: ["cpu_load", "temperature"] },
];

/** Times of the story, relative to the plant's start. beta is lost, comes back with its backlog, and is lost again. */
const LOST = [
  { agent: "beta-1", fromMs: -250_000, toMs: -215_000, isRecovered: false },
  { agent: "beta-1", fromMs: -22_000, toMs: 30_000, isRecovered: true },
];

/** An invented plant with a story worth looking at. Only time moves it: the same start gives the same frames. */
export class FixturePlant {
  readonly #startMs: number;
  #nowMs: number;
  #seq = 1;
  #alarmsSent = new Map<string, number>();

  constructor(startMs: number) {
    this.#startMs = startMs;
    this.#nowMs = startMs;
  }

  snapshot(): Snapshot {
    const nowMs = this.#nowMs;
    for (const alarm of this.#alarms(nowMs)) this.#alarmsSent.set(alarm.id, alarm.step);
    return {
      seq: this.#seq,
      serverTimeMs: nowMs,
      isControlAllowed: true,
      pipeline: {
        metrics: METRICS.map(({ name, unit, isLive }) => ({ name, unit, isLive })),
        windows: WINDOWS,
      },
      agents: this.#agents(nowMs),
      alarms: this.#alarms(nowMs),
      windows: this.#windows(nowMs - HISTORY_MS, nowMs),
      ledger: this.#ledger(nowMs),
    };
  }

  advance(nowMs: number): Delta {
    const beforeMs = this.#nowMs;
    this.#nowMs = nowMs;
    this.#seq += 1;
    const alarms = this.#alarms(nowMs).filter((alarm) => this.#alarmsSent.get(alarm.id) !== alarm.step);
    for (const alarm of alarms) this.#alarmsSent.set(alarm.id, alarm.step);
    const hasReturned = LOST.some(
      ({ toMs }) => beforeMs < this.#startMs + toMs && nowMs >= this.#startMs + toMs,
    );
    const windows = this.#windows(nowMs - (hasReturned ? 120_000 : 75_000), nowMs);
    return {
      seq: this.#seq,
      serverTimeMs: nowMs,
      agents: this.#agents(nowMs),
      alarms,
      windows,
      ledger: this.#ledger(nowMs),
    };
  }

  #isLost(agent: string, timeMs: number, nowMs: number): boolean {
    return LOST.some((loss) => {
      const toMs = this.#startMs + loss.toMs;
      const isOver = nowMs >= toMs && loss.isRecovered;
      return loss.agent === agent && !isOver && timeMs >= this.#startMs + loss.fromMs && timeMs < toMs;
    });
  }

  #agents(nowMs: number): AgentView[] {
    const known = AGENTS.map(({ agent, site }): AgentView => {
      const lost = LOST.find(
        (loss) =>
          loss.agent === agent && nowMs - this.#startMs >= loss.fromMs && nowMs - this.#startMs < loss.toMs,
      );
      const lastSeenMs = lost === undefined ? nowMs - (nowMs % 1_000) : this.#startMs + lost.fromMs;
      const catchingUp = LOST.find(
        ({ toMs, ...loss }) =>
          loss.agent === agent && nowMs - this.#startMs >= toMs && nowMs - this.#startMs < toMs + 8_000,
      );
      return {
        agent,
        site,
        state: lost === undefined ? "connected" : "silent",
        lastSeenMs,
        watermarkMs: lastSeenMs - 1_200,
        isIdle: false,
        clockOffsetMs: agent === "gateway" ? -3 : 12,
        pending:
          catchingUp === undefined
            ? []
            : [{ startMs: this.#startMs + catchingUp.fromMs, endMs: this.#startMs + catchingUp.toMs }],
        ...(agent === "gateway" ? {} : { evidence: 12 }),
        ...(agent === "alpha-1"
          ? {
              maintenance: [
                {
                  labels: { line: "1", machine: "press-3" },
                  sinceMs: this.#startMs,
                  untilMs: this.#startMs + 7_200_000,
                  by: "status page",
                },
              ],
            }
          : {}),
        status: {
          program: "millrace-agent 0.1.0",
          series: agent === "gateway" ? 9 : 48,
          alarms: 0,
          isClockSynchronised: true,
          storeFailure: "",
          pipelineVersion: "331469a45542",
          pipelineSource: "file",
          pipelineSinceMs: this.#startMs,
          pipelineRefused: agent === "gateway" ? "9f02c41be7aa" : "",
          pipelineRefusedReason: agent === "gateway" ? "4:9: metrics.speed.unit is missing" : "",
          queuedBatches: lost === undefined ? 0 : 44,
          queuedBytes: lost === undefined ? 0 : 184_320,
        },
      };
    });
    const expected: AgentView = {
      agent: "delta-1",
      site: "delta",
      state: "never_seen",
      lastSeenMs: null,
      watermarkMs: null,
      isIdle: false,
      clockOffsetMs: null,
      pending: [],
      status: {},
    };
    return [...known, expected];
  }

  #ledger(nowMs: number): Snapshot["ledger"] {
    const received = 1_284_000 + Math.floor((nowMs - this.#startMs) * 0.42);
    return { received, merged: received - 17, tooLate: 17 };
  }

  #windows(fromMs: number, nowMs: number): WindowResult[] {
    const results: WindowResult[] = [];
    for (const window of WINDOWS) {
      const metric = METRICS.find(({ name }) => name === window.metric);
      if (metric === undefined) continue;
      const firstMs = Math.ceil(fromMs / window.slideMs) * window.slideMs;
      for (let startMs = firstMs; startMs <= nowMs - ARRIVAL_MS; startMs += window.slideMs) {
        const measuring = AGENTS.filter((agent) => agent.metrics.includes(metric.name));
        const groups = window.by.includes("site") ? measuring.map((agent) => [agent]) : [measuring];
        for (const agents of groups) {
          const result = this.#result(window, metric, agents, startMs, nowMs);
          if (result !== null) results.push(result);
        }
      }
    }
    return results;
  }

  #result(
    window: WindowView,
    metric: Metric,
    agents: readonly FixtureAgent[],
    startMs: number,
    nowMs: number,
  ): WindowResult | null {
    const endMs = startMs + window.sizeMs;
    const samples: number[] = [];
    for (let timeMs = startMs; timeMs < Math.min(endMs, nowMs - ARRIVAL_MS); timeMs += 250) {
      for (const agent of agents) {
        if (!this.#isLost(agent.agent, timeMs, nowMs)) samples.push(this.#sample(metric, agent, timeMs));
      }
    }
    if (samples.length === 0) return null;
    const sum = samples.reduce((total, value) => total + value, 0);
    // Reporting means that the agent's watermark has passed the window's end; before it nobody has.
    const hasEnded = endMs <= nowMs - ARRIVAL_MS;
    const missing = agents.filter(({ agent }) => !hasEnded || this.#isLost(agent, endMs - 1, nowMs));
    const isOpen = missing.length > 0;
    const state: WindowState = isOpen ? "provisional" : nowMs - endMs > 60_000 ? "final" : "complete";
    const wasBackfilled = LOST.some(
      (loss) =>
        loss.isRecovered &&
        agents.some(({ agent }) => agent === loss.agent) &&
        startMs >= this.#startMs + loss.fromMs - window.sizeMs &&
        startMs < this.#startMs + loss.toMs,
    );
    return {
      window: window.name,
      metric: metric.name,
      group: window.by.includes("site") ? { site: agents[0]?.site ?? "" } : {},
      startMs,
      endMs,
      revision:
        Math.max(1, Math.min(Math.ceil(samples.length / agents.length), 6)) +
        (state === "provisional" ? 0 : 1) +
        (wasBackfilled && state !== "provisional" ? 2 : 0),
      state,
      values: {
        count: samples.length,
        sum,
        min: Math.min(...samples),
        max: Math.max(...samples),
        mean: sum / samples.length,
      },
      beside: {
        uncertain: 0,
        bad: agents[0]?.site === "alpha" && startMs % 120_000 < 5_000 ? 2 : 0,
        undeduplicated: 0,
      },
      completeness: {
        agentsExpected: agents.length,
        agentsReporting: agents.length - missing.length,
        agentsMissing: missing.map(({ agent }) => agent),
        sitesExpected: agents.length,
        sitesReporting: agents.length - missing.length,
        sitesMissing: missing.map(({ site }) => site),
      },
      updatedAtMs: Math.min(nowMs, endMs + ARRIVAL_MS),
    };
  }

  #sample(metric: Metric, agent: FixtureAgent, timeMs: number): number {
    const angle = (timeMs / metric.periodMs) * 2 * Math.PI + agent.phase;
    const roughness =
      Math.sin(timeMs * 0.0137 + agent.phase * 7) + Math.sin(timeMs * 0.0031 + agent.phase * 3);
    const steady = agent.site === "gateway" && metric.name === "temperature" ? -16 : 0;
    const sinceMs = timeMs - (this.#startMs - 48_000);
    const overheating =
      metric.name === "temperature" && agent.site === "alpha" && sinceMs > 0
        ? Math.min(20, sinceMs / 1_900)
        : 0;
    return (
      metric.base +
      steady +
      overheating +
      metric.swing * Math.sin(angle) * 0.6 +
      metric.noise * roughness * 0.5
    );
  }

  #alarms(nowMs: number): AlarmView[] {
    const sinceMs = nowMs - this.#startMs;
    const alarms: AlarmView[] = [];
    const add = (alarm: Partial<AlarmView> & { id: string; activeAtMs: number }) => {
      alarms.push({ ...this.#alarm(alarm.activeAtMs), ...alarm });
    };
    add({ id: "overheating-7", step: 3, activeAtMs: this.#startMs - 31_000 });
    add({
      id: "vibration-high-2",
      step: 2,
      rule: "vibration_high",
      metric: "vibration",
      severity: 700,
      value: 7.32,
      limit: 6.5,
      labels: { site: "beta", line: "2", machine: "mill-1" },
      agent: "beta-1",
      site: "beta",
      activeAtMs: this.#startMs - 26_000,
      action: "dry_run",
      command: null,
      message: "vibration above 6.5 mm/s",
    });
    add({
      id: "pressure-low-4",
      step: 4,
      rule: "pressure_low",
      metric: "pressure",
      severity: 500,
      value: 5.61,
      limit: 5.5,
      labels: { site: "alpha", line: "1", machine: "compressor" },
      activeAtMs: this.#startMs - 190_000,
      isActive: false,
      clearedAtMs: this.#startMs - 152_000,
      action: "none",
      command: null,
      message: "pressure below 5.5 bar",
    });
    add({
      id: "overheating-6",
      step: 5,
      activeAtMs: this.#startMs - 3_900_000,
      isActive: false,
      isHistorical: true,
      severity: 300,
      value: 81.2,
      clearedAtMs: this.#startMs - 3_640_000,
      action: "none",
      command: null,
      labels: { site: "beta", line: "1", machine: "press-1" },
      agent: "beta-1",
      site: "beta",
    });
    if (sinceMs > 8_000) {
      const action: ActionState =
        sinceMs < 10_000 ? "commanded" : sinceMs < 13_000 ? "retrying" : "unconfirmed";
      const held = this.#alarm(this.#startMs + 8_000);
      add({
        ...held,
        id: "overheating-8",
        step: sinceMs < 10_000 ? 1 : sinceMs < 13_000 ? 2 : 3,
        value: 83.4,
        action,
        labels: { site: "alpha", line: "3", machine: "furnace-2" },
        command:
          held.command === null
            ? null
            : { ...held.command, attempt: sinceMs < 10_000 ? 1 : 3, confirmedAtMs: null, latencyMs: 2.4 },
      });
    }
    return alarms;
  }

  #alarm(activeAtMs: number): AlarmView {
    return {
      id: "",
      step: 1,
      rule: "overheating",
      metric: "temperature",
      labels: { site: "alpha", line: "1", machine: "press-3" },
      severity: 900,
      isActive: true,
      isLatched: true,
      isHistorical: false,
      activeAtMs,
      clearedAtMs: null,
      timeMs: activeAtMs,
      value: 86.4,
      limit: 80,
      action: "confirmed",
      command: {
        id: "c1",
        topic: "factory/alpha/1/press-3/command",
        payload: "STOP",
        attempt: 1,
        commandedAtMs: activeAtMs + 3,
        confirmedAtMs: activeAtMs + 415,
        latencyMs: 3.1,
      },
      message: "temperature above 80 °C",
      agent: "alpha-1",
      site: "alpha",
      receivedAtMs: activeAtMs + 240,
    };
  }
}
