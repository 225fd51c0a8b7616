import type { Clock, Logger } from "@millrace/runtime";
import type { LogGate } from "../log/log-gate.ts";
import { noteGap } from "../log/note-gap.ts";
import type { Arrivals } from "../sessions/arrivals.ts";
import type { CentralState } from "../state/central-state.ts";
import type { EntryApplier } from "./entry-applier.ts";
import type { AfterCommit, MessageApplier, Moment } from "./message-applier.ts";

interface MessageTurnOptions {
  readonly state: CentralState;
  readonly arrivals: Arrivals;
  readonly logGate: LogGate;
  readonly entryApplier: EntryApplier;
  readonly applier: MessageApplier;
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined: it is central's own. */
  readonly logName: string | undefined;
}

/** What agents have said, in one turn: what has come through the log, then the latest heartbeats. */
export class MessageTurn {
  readonly #options: MessageTurnOptions;

  constructor(options: MessageTurnOptions) {
    this.#options = options;
  }

  /** Returns the time of the turn; all that is applied in it is of then. */
  async apply(after: AfterCommit): Promise<Moment> {
    const { state, arrivals, logGate, entryApplier, applier, clock, log, logName } = this.#options;
    const { entries, positions, gaps } = logGate.turn(after);
    const moment: Moment = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    await entryApplier.apply(entries, moment, after);
    // Where the commit itself is what holds them.
    for (const { settled } of entries) if (settled !== undefined) after.sends.push(settled);
    for (const position of positions) state.log.taken(position);
    for (const gap of gaps) noteGap(gap, { state, logName, nowMs: clock.nowMs(), log });
    for (const session of arrivals.takeBeating()) applier.applyHeartbeat(session, moment);
    return moment;
  }
}
