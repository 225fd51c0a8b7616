import { reasonOf } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import type { CentralChange } from "../api/central-reader.ts";

type Listener = (change: CentralChange) => void;

/** Who is told what a commit has changed. What a listener makes of it is not central's affair: the commit stands. */
export class ChangeListeners {
  readonly #listeners = new Set<Listener>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Returns how to stop. */
  add(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(change: CentralChange): void {
    const { agents, alarms, windows } = change;
    if (agents.length + alarms.length + windows.length === 0) return;
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#log.repeated("listener_failed", "a listener failed at what was published", {
          reason: reasonOf(error),
        });
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
