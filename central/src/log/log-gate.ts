import type { Clock } from "@millrace/runtime";
import type { AfterCommit, Moment } from "../commit/message-applier.ts";
import { NOBODY } from "../ledger/central-ledger.ts";
import type { Admission } from "../sessions/admission.ts";
import type { Inbox } from "../sessions/inbox.ts";
import type { CentralState } from "../state/central-state.ts";
import type { LogTurn, UplinkLog } from "./uplink-log.ts";

/** One commit takes up no more than this, so that echoes and pages are not held up; what waits behind it takes the next. */
const COMMIT_BYTES_MAX = 2_097_152;
/** So many small batches take no longer than those large ones that fill the bytes; a sync for fewer of them costs more than they do. */
const COMMIT_MESSAGES_MAX = 400;
/** Of what is live: what a thousand agents send at once is held with one sync, however slow the disk is. */
const COMMIT_LIVE_MESSAGES_MAX = 1_000;
const NOTHING_TAKEN: LogTurn = { entries: [], positions: [], gaps: [], strange: [] };

interface LogGateOptions {
  readonly state: CentralState;
  readonly inbox: Inbox;
  readonly admission: Admission;
  readonly uplinkLog: UplinkLog;
  readonly clock: Clock;
}

/** What has come is let into the log; what has come through it is what is applied. */
export class LogGate {
  readonly #options: LogGateOptions;

  constructor(options: LogGateOptions) {
    this.#options = options;
  }

  /** There is something to let in, or to apply. */
  get isWaiting(): boolean {
    const { inbox, uplinkLog } = this.#options;
    return (uplinkLog.hasRoom && !inbox.isEmpty) || !uplinkLog.isEmpty;
  }

  /** While there are more results than a tick has room for, only what is live is taken, else they would become more and more. */
  turn(after: AfterCommit): LogTurn {
    const { state, uplinkLog } = this.#options;
    const { isCutShort } = state.engine;
    this.#letIn(isCutShort, after);
    if (uplinkLog.isApart && isCutShort) return NOTHING_TAKEN;
    const turn = uplinkLog.take({ messages: COMMIT_LIVE_MESSAGES_MAX, bytes: COMMIT_BYTES_MAX });
    for (const { partition, offset, atMs, payload } of turn.strange) {
      const detail = `the record at offset ${offset} of partition ${partition} of the log is none of an agent's`;
      state.reject({ agent: NOBODY, topic: "log", payload, atMs, reason: "strange_record", detail });
    }
    return turn;
  }

  #letIn(isLiveOnly: boolean, after: AfterCommit): void {
    const { inbox, admission, uplinkLog, clock } = this.#options;
    const limits = {
      messages: isLiveOnly ? 0 : COMMIT_MESSAGES_MAX,
      liveMessages: COMMIT_LIVE_MESSAGES_MAX,
      bytes: COMMIT_BYTES_MAX,
    };
    const moment: Moment = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    const items = uplinkLog.hasRoom ? inbox.take(limits) : [];
    const entries = items.flatMap((item) => {
      const entry = admission.admit(item, moment, after);
      if (entry === null && item.settled !== undefined) after.sends.push(item.settled);
      return entry ?? [];
    });
    uplinkLog.append(entries);
  }
}
