import type { AgentConfig, Pipeline } from "@millrace/config";
import type { AlarmEvent } from "@millrace/detect";
import { RULES_INTERVAL_MS_MAX } from "../agent.ts";
import type { Ledger } from "../ledger.ts";
import type { Rejection } from "../intake/rejection.ts";
import { mergedFiles } from "./merged-files.ts";
import type { BadLine, Recorded, RecordedMessage } from "./recorded-message.ts";
import { ReplayClock } from "./replay-clock.ts";
import { ReplayedAgent } from "./replayed-agent.ts";
import { ReplayedCentral, type ToldWindow, type WindowCounts } from "./replayed-central.ts";

/** Of the recording's time: how often panes leave and windows are looked at. */
const STEP_MS = 1_000;

export interface ReplayOptions {
  readonly config: AgentConfig;
  readonly pipeline: Pipeline;
  readonly files: readonly AsyncIterable<readonly Recorded[]>[];
  readonly report: ReplayReport;
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
}

/**
 * Runs the pipeline over a recording, in the recording's time: the rules are told of time as in the running agent, panes
 * leave once a second of it, and central's engine merges them at once. Nothing is stored, nothing acts.
 */
export async function replay({ config, pipeline, files, report }: ReplayOptions): Promise<ReplayTotals> {
  const clock = new ReplayClock(0);
  const agent = new ReplayedAgent({ config, pipeline, clock, alarm: (event) => report.alarm(event) });
  const central = new ReplayedCentral({ config, pipeline });
  const tickMs = Math.min(config.commit.liveIntervalMs, RULES_INTERVAL_MS_MAX);
  let fromMs: number | null = null;
  let tickedMs = 0;
  let steppedMs = 0;
  let messages = 0;
  let badLines = 0;

  const step = async (scope: "complete" | "everything") => {
    steppedMs = clock.nowMs();
    for (const told of await central.step(agent.emit(scope), steppedMs)) report.window(told);
  };
  const advance = async (toMs: number) => {
    if (fromMs === null) {
      fromMs = toMs;
      tickedMs = toMs - tickMs;
      steppedMs = toMs;
    }
    for (; tickedMs + tickMs <= toMs; tickedMs += tickMs) {
      clock.set(tickedMs + tickMs);
      agent.tick();
    }
    clock.set(toMs);
    // What has been complete is, before something comes that revises it.
    if (toMs - steppedMs >= STEP_MS) await step("complete");
  };
  const timeOf = (recorded: Recorded): number | null =>
    recorded.kind === "bad" ? null : (recorded.message.timeMs ?? agent.newestTimeOf(recorded.message));

  try {
    for await (const { recorded, timeMs } of mergedFiles(files, timeOf)) {
      const bad = recorded.kind === "bad" ? recorded.bad : untimed(recorded.message, timeMs);
      if (recorded.kind === "bad" || bad !== undefined) {
        badLines += 1;
        if (bad !== undefined) report.bad(bad);
        continue;
      }
      messages += 1;
      await advance(timeMs);
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
    };
  } finally {
    await central.close();
  }
}

function untimed({ place }: RecordedMessage, timeMs: number): BadLine | undefined {
  if (timeMs !== Number.NEGATIVE_INFINITY) return undefined;
  return {
    place,
    reason: "neither it nor what is in it says when it came; write a time, or give --time FIELD",
  };
}
