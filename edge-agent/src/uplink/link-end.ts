import type { BatchQueue } from "@millrace/queue";
import type { RuleEngine } from "@millrace/detect";
import { type Lane, LANES, type SeriesWatermarks } from "@millrace/stream";
import type { Welcome } from "@millrace/wire";
import type { ClockGuard } from "../clock-guard.ts";
import type { CommitLoop } from "../durability/commit-loop.ts";
import { LAZY_COMMIT_MS } from "../durability/durability-waits.ts";
import type { LossBook } from "../durability/loss-book.ts";
import type { PendingChanges } from "../durability/pending-changes.ts";
import type { Deduplicator } from "../intake/deduplicator.ts";
import type { HeldAdmission } from "../intake/held-admission.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { HeartbeatContent } from "./heartbeat-content.ts";
import type { UplinkOutbox } from "./uplink.ts";

export interface LinkEndOptions {
  readonly queue: BatchQueue;
  readonly outbox: Outbox;
  readonly lossBook: LossBook;
  readonly pending: PendingChanges;
  readonly commits: Pick<CommitLoop, "request" | "requestNow">;
  /** Over Kafka each process has an epoch of its own, which says nothing of another life. */
  readonly isKafka: boolean;
  readonly guard: ClockGuard;
  readonly watermarks: SeriesWatermarks;
  readonly rules: RuleEngine;
  readonly deduplicator: Deduplicator;
  readonly admission: HeldAdmission;
  heartbeat(): HeartbeatContent;
}

/** The agent's end of the link: what may be sent, and what follows from what central says. */
export class LinkEnd implements UplinkOutbox {
  readonly #options: LinkEndOptions;

  constructor(options: LinkEndOptions) {
    this.#options = options;
  }

  durableNext(lane: Lane): number {
    return this.#options.outbox.durableNext(lane);
  }

  sendableNext(lane: Lane): number {
    return this.#options.outbox.sendableNext(lane);
  }

  heartbeat(): HeartbeatContent {
    return this.#options.heartbeat();
  }

  markSent(lane: Lane, sequence: number): void {
    const { queue, pending, commits } = this.#options;
    if (queue.lane(lane).sent >= sequence) return;
    queue.markSent(pending.next, lane, sequence);
    commits.requestNow();
  }

  acknowledged(lane: Lane, mark: number): void {
    this.#options.outbox.acknowledged(lane, mark);
    this.#options.commits.request(LAZY_COMMIT_MS);
  }

  welcomed({ epoch, epochFrom, marks }: Welcome): void {
    const { queue, outbox, lossBook, pending, commits, isKafka } = this.#options;
    const changes = pending.next;
    const isOtherLife = epochFrom !== undefined && epoch > 1 && !isKafka;
    if (isOtherLife) lossBook.coarsened(changes, epochFrom.backfill);
    if (epoch !== queue.epoch) queue.assignEpoch(changes, epoch, epochFrom);
    for (const lane of LANES) {
      const mark = marks[lane];
      if (mark !== undefined) outbox.adopt(changes, lane, mark);
    }
    commits.requestNow();
  }

  /** Where central's clock proves the agent's right, what a wrong clock has left behind is taken back. */
  clockTold(centralMs: number, roundTripMs: number): void {
    const { guard, watermarks, rules, outbox, deduplicator, admission } = this.#options;
    const step = guard.witness({ centralMs, roundTripMs });
    if (step === undefined) return;
    watermarks.setClock(step);
    rules.shiftMaintenance(step.nowMs - step.fromMs);
    outbox.takeBack(watermarks.watermark(step.nowMs).watermarkMs);
    deduplicator.forgetBeyond(step.latestMs);
    admission.proven(step);
  }
}
