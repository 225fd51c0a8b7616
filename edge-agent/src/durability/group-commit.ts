import type { AlarmDesk } from "../actions/alarm-desk.ts";
import type { ClockGuard } from "../clock-guard.ts";
import type { EvidenceSealer } from "../evidence/evidence-sealer.ts";
import type { HeldAdmission } from "../intake/held-admission.ts";
import type { HeldReadings } from "../intake/held-readings.ts";
import type { Quarantine } from "../intake/quarantine.ts";
import type { SeriesRegistry } from "../intake/series-registry.ts";
import type { Ledger } from "../ledger.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { PaneSealer } from "../panes/pane-sealer.ts";
import type { Uplink } from "../uplink/uplink.ts";
import { putJson, seriesStoreKey } from "./agent-store.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { CommitWork } from "./commit-loop.ts";
import type { DurabilityWaits } from "./durability-waits.ts";
import type { KeptRecords } from "./kept-records.ts";
import type { PendingChanges } from "./pending-changes.ts";
import type { RedoBuffer } from "./redo-entry.ts";
import type { RedoLog } from "./redo-log.ts";

export interface GroupCommitOptions {
  readonly pending: PendingChanges;
  readonly waits: DurabilityWaits;
  readonly guard: ClockGuard;
  readonly series: SeriesRegistry;
  readonly quarantine: Quarantine;
  readonly alarmDesk: AlarmDesk;
  readonly held: HeldReadings;
  readonly admission: HeldAdmission;
  readonly paneSealer: PaneSealer;
  readonly sealer: EvidenceSealer;
  readonly brokerRecords: KeptRecords;
  readonly outbox: Outbox;
  readonly uplink: Pick<Uplink, "isUp" | "lastInReach" | "wake">;
  readonly ledger: Ledger;
  readonly redo: RedoBuffer;
  readonly redoLog: RedoLog;
  readonly checkpoints: Checkpoints;
  /** The first commit is durable: what tells of the run before is in it. */
  lossBooked(): void;
}

/** What one commit of the agent holds: whatever any of its parts has to make durable, in the order that recovery reads it by. */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #committedReceived: number;
  #isLossBooked = false;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#committedReceived = options.ledger.totals.received;
  }

  /** Taken in, and not durable yet. */
  get pendingReadings(): number {
    return this.#options.ledger.totals.received - this.#committedReceived;
  }

  /** Gathers it. Whatever it takes out of memory is in `changes`, which are retried until durable. */
  collect(): CommitWork {
    const { pending, waits, guard, series, quarantine, alarmDesk, held, admission } = this.#options;
    const { paneSealer, sealer, brokerRecords, outbox, uplink, ledger, redo, redoLog } = this.#options;
    const isDurable = waits.take();
    const changes = pending.take();
    for (const { index, metric, labels, isForgotten } of series.takeUndurable()) {
      const forgotten = isForgotten === true ? { isForgotten } : {};
      changes.push(putJson(seriesStoreKey(index), { metric, labels, ...forgotten }));
    }
    quarantine.drainInto(changes);
    outbox.appendAlarms(changes, alarmDesk.drainInto(changes));
    const { received } = ledger.totals;
    held.drainInto(changes);
    admission.look();
    const hasLooked = paneSealer.collect(changes);
    const haveLeft = hasLooked && !admission.isRunning;
    if (uplink.isUp) outbox.markNextSent(changes, (lane) => uplink.lastInReach(lane));
    const evidenceDurable = sealer.drainInto(changes);
    const recordsDurable = brokerRecords.drainInto(changes);
    outbox.drainInto(changes);
    const isLedgerChanged = received !== this.#committedReceived;
    if (redo.rowCount > 0 || isLedgerChanged || changes.length > 0)
      redoLog.append(changes, redo, guard.nowMs(), ledger.totals);
    this.#options.checkpoints.collect(changes);
    const appended = outbox.appended();
    return {
      changes,
      durable: () => {
        this.#committedReceived = received;
        outbox.durable(appended);
        if (haveLeft) admission.haveLeft();
        if (!this.#isLossBooked) this.#options.lossBooked();
        this.#isLossBooked = true;
        isDurable();
        evidenceDurable();
        recordsDurable();
        uplink.wake();
      },
    };
  }
}
