import type { CentralHealth } from "./api/central-reader.ts";

/** Whether central takes anything: from its opening on, until it is closed or its commits have failed for good. */
export class CentralLifecycle {
  #isOpened = false;
  #isClosed = false;
  #failure: string | null = null;

  opened(): void {
    this.#isOpened = true;
  }

  closed(): void {
    this.#isClosed = true;
  }

  failed(why: string): void {
    this.#failure = why;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Why commits have failed for good; null: they have not. */
  get failure(): string | null {
    return this.#failure;
  }

  /** Why nothing is taken any more; null before that. */
  get ending(): string | null {
    return this.#failure ?? (this.#isClosed ? "central stops" : null);
  }

  /** Why nothing is taken now; null while it is. */
  get refusal(): string | null {
    return this.ending ?? (this.#isOpened ? null : "central starts");
  }

  /** `obstacle`: why what is taken does not go on, to disk or through the log; null: it does. */
  health(obstacle: string | null): CentralHealth {
    if (this.#failure !== null) return { isAlive: false, isReady: false, reason: this.#failure };
    if (this.refusal === null)
      return { isAlive: true, isReady: obstacle === null, reason: obstacle ?? "takes data" };
    return { isAlive: true, isReady: false, reason: this.#isClosed ? "stopping" : "starting" };
  }
}
