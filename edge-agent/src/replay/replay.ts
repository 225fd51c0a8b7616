import { setImmediate } from "node:timers/promises";
import type { AgentConfig, Pipeline } from "@millrace/config";
import type { AlarmEvent } from "@millrace/detect";
import { RULES_INTERVAL_MS_MAX } from "../agent.ts";
import type { Ledger } from "../ledger.ts";
import type { Rejection } from "../intake/rejection.ts";
import { mergedFiles } from "./merged-files.ts";
import type { BadLine, Recorded, RecordedMessage } from "./recorded-message.ts";
import { RecordingBounds } from "./recording-bounds.ts";
import { ReplayClock } from "./replay-clock.ts";
import { ReplayedAgent } from "./replayed-agent.ts";
import { ReplayedCentral, type ToldWindow, type WindowCounts } from "./replayed-central.ts";
import { untilStopped } from "./until-stopped.ts";

/** Of the recording's time: how often panes leave and windows are looked at. */
const STEP_MS = 1_000;
/** Ticks and messages after which signals and timers have their turn. */
const TURN_STEPS = 512;

const UNTIMED = "neither it nor what is in it says when it came; write a time, or give --time FIELD";

export interface ReplayOptions {
  readonly config: AgentConfig;
  readonly pipeline: Pipeline;
  readonly files: readonly AsyncIterable<readonly Recorded[]>[];
  readonly report: ReplayReport;
  /** Today's clock: no recording is of later. */
  readonly todayMs: () => number;
  /** Ends the replay where it is, with all that is known by then. */
  readonly stop: AbortSignal;
}

/** Hears of everything as it comes, in the order of the recording's time. */
export interface ReplayReport {
  window(told: ToldWindow): void;
  alarm(event: AlarmEvent): void;
  bad(line: BadLine): void;
  rejected(message: RecordedMessage, rejections: readonly Rejection[]): void;
  /** After each message. */
  moved(nowMs: number): void;
}

export interface ReplayTotals {
  readonly messages: number;
  readonly badLines: number;
  /** Of the recording; null where there was no message. */
  readonly fromMs: number | null;
  readonly toMs: number;
  readonly ledger: Ledger["totals"];
  /** Payloads of evidence: counted, and left. */
  readonly evidence: number;
  readonly windows: WindowCounts;
  readonly activeAlarms: readonly AlarmEvent[];
  readonly isStopped: boolean;
}

/**
 * Runs the pipeline over a recording, in the recording's time: the rules are told of time as in the running agent, panes
 * leave once a second of it, and central's engine merges them at once. Where nothing is due it skips ahead. Nothing is
 * stored, nothing acts.
 */
export async function replay(options: ReplayOptions): Promise<ReplayTotals> {
  const { config, pipeline, report, stop } = options;
  const bounds = new RecordingBounds({ limits: config.limits, todayMs: options.todayMs });
  const clock = new ReplayClock(0);
  const agent = new ReplayedAgent({ config, pipeline, clock, alarm: (event) => report.alarm(event) });
  const central = new ReplayedCentral({ config, pipeline });
  const tickMs = Math.min(config.commit.liveIntervalMs, RULES_INTERVAL_MS_MAX);
  let fromMs: number | null = null;
  let tickedMs = 0;
  let steppedMs = 0;
  let messages = 0;
  let badLines = 0;
  let steps = 0;

  const step = async (scope: "complete" | "everything") => {
    steppedMs = clock.nowMs();
    for (const told of await central.step(agent.emit(scope), steppedMs)) report.window(told);
  };
  const isTurn = () => {
    steps += 1;
    return steps % TURN_STEPS === 0;
  };
  /** Not all the way where it is stopped. */
  const advance = async (toMs: number) => {
    if (fromMs === null) {
      fromMs = toMs;
      tickedMs = toMs - tickMs;
      steppedMs = toMs;
    }
    while (tickedMs + tickMs <= toMs) {
      // On to the last tick before something is due: those between find nothing.
      const ticks = Math.ceil((agent.restsUntil(toMs) - tickedMs) / tickMs) - 1;
      tickedMs += Math.max(1, ticks) * tickMs;
      clock.set(tickedMs);
      agent.tick();
      if (isTurn()) await setImmediate();
      if (stop.aborted) return;
    }
    clock.set(toMs);
    // What has been complete is, before something comes that revises it.
    if (toMs - steppedMs >= STEP_MS) await step("complete");
  };
  const timeOf = (recorded: Recorded): number | null => {
    if (recorded.kind === "bad") return null;
    const timeMs = recorded.message.timeMs ?? agent.newestTimeOf(recorded.message);
    return timeMs === null || bounds.refusal(timeMs) !== undefined ? null : timeMs;
  };
  const badOf = (recorded: Recorded, timeMs: number): BadLine | undefined => {
    if (recorded.kind === "bad") return recorded.bad;
    const { message } = recorded;
    const isUntimed = timeMs === Number.NEGATIVE_INFINITY;
    const toldMs = message.timeMs ?? (isUntimed ? agent.newestTimeOf(message) : null);
    const refusal = toldMs === null ? undefined : bounds.refusal(toldMs);
    const reason = refusal ?? (isUntimed ? UNTIMED : undefined);
    return reason === undefined ? undefined : { place: message.place, reason };
  };

  try {
    const files = options.files.map((file) => untilStopped(file, stop));
    for await (const { recorded, timeMs } of mergedFiles(files, timeOf)) {
      if (isTurn()) await setImmediate();
      if (stop.aborted) break;
      const bad = badOf(recorded, timeMs);
      if (recorded.kind === "bad" || bad !== undefined) {
        badLines += 1;
        if (bad !== undefined) report.bad(bad);
        continue;
      }
      await advance(timeMs);
      if (stop.aborted) break;
      messages += 1;
      const rejections = agent.receive(recorded.message);
      if (rejections.length > 0) report.rejected(recorded.message, rejections);
      report.moved(timeMs);
    }
    await step("everything");
    for (const told of central.rest(clock.nowMs())) report.window(told);
    return {
      messages,
      badLines,
      fromMs,
      toMs: clock.nowMs(),
      ledger: agent.ledger,
      evidence: agent.evidenceCount,
      windows: central.counts,
      activeAlarms: agent.activeAlarms(),
      isStopped: stop.aborted,
    };
  } finally {
    await central.close();
  }
}
