import type { Store } from "@millrace/queue";
import type { Clock, Logger } from "@millrace/runtime";
import type { LedgerTotals } from "../ledger/central-ledger.ts";
import type { CentralState } from "../state/central-state.ts";
import type { EvidenceFate, GoneEvidence } from "./evidence-book.ts";
import { isEvidenceSound } from "./evidence-check.ts";

const LEDGER_OF_FATE = {
  unfinished: "evidenceUnfinished",
  damaged: "evidenceDamaged",
  expired: "evidenceExpired",
  evicted: "evidenceEvicted",
} as const satisfies Record<EvidenceFate, keyof LedgerTotals>;

export interface EvidenceCheckerOptions {
  readonly state: Pick<CentralState, "evidence" | "ledger">;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Does this with the next commit. */
  readonly act: (action: () => void) => void;
  /** Has a commit follow. */
  readonly wake: () => void;
}

/** Judges evidence that has come together, and counts what became of each piece. */
export class EvidenceChecker {
  readonly #options: EvidenceCheckerOptions;
  #running: Promise<void> | null = null;

  constructor(options: EvidenceCheckerOptions) {
    this.#options = options;
  }

  /** Compares what has come together with its checksum, one piece at a time, beside the commits. */
  check(): void {
    const { state, store, clock, log, act, wake } = this.#options;
    if (this.#running !== null) return;
    const { value: view } = state.evidence.unchecked().next();
    if (view === undefined) return;
    this.#running = isEvidenceSound(store, view)
      .then((isSound) => {
        act(() => {
          const checked = state.evidence.checked(view.id, isSound, clock.nowMs());
          if (checked === null) return;
          if ("fate" in checked) this.noteGone([checked]);
          else state.ledger.add(view.agent, { evidence: 1 });
        });
      })
      .catch((error: unknown) =>
        log.repeated("evidence_check", "cannot read evidence to check it; trying again", {
          id: view.id,
          error,
        }),
      )
      .finally(() => {
        this.#running = null;
        wake();
      });
  }

  noteGone(gone: readonly GoneEvidence[]): void {
    for (const { view, fate } of gone) {
      const { id, agent, name, bytes, parts, partsHeld } = view;
      this.#options.state.ledger.add(agent, { [LEDGER_OF_FATE[fate]]: 1 });
      const level = fate === "expired" ? "info" : "warn";
      this.#options.log[level]("evidence was given up", { fate, id, agent, name, bytes, parts, partsHeld });
    }
  }

  /** Ends once nothing is being checked. */
  async settled(): Promise<void> {
    await this.#running;
  }
}
