import type { Clock, Timer } from "@millrace/runtime";

export interface KeepAliveOptions {
  readonly clock: Clock;
  /** What the client has promised to send something within. */
  readonly keepAliveMs: number;
  /** When something of the client was last read; monotonic. */
  heardAtMs(): number;
  /** Something of it has come, but is not read yet. */
  hasUnread(): boolean;
  readonly onSilent: () => void;
}

/**
 * Says when nothing has come from a client for one and a half times its keep-alive time (MQTT 3.1.1, 3.1.2.10). It looks when
 * that may be, not at each message: aedes would have to be shown each.
 */
export class KeepAlive {
  readonly #options: KeepAliveOptions;
  readonly #silenceMs: number;
  #timer: Timer;
  #isOver = false;

  constructor(options: KeepAliveOptions) {
    this.#options = options;
    this.#silenceMs = 1.5 * options.keepAliveMs;
    this.#timer = this.#lookIn(this.#silenceMs);
  }

  stop(): void {
    this.#isOver = true;
    this.#timer.cancel();
  }

  #lookIn(delayMs: number): Timer {
    // What came while the process stood still is read first.
    return this.#options.clock.after(delayMs, () => setImmediate(() => this.#look()));
  }

  #look(): void {
    if (this.#isOver) return;
    const { clock, heardAtMs, hasUnread, onSilent } = this.#options;
    const nowMs = clock.monotonicMs();
    const sinceMs = hasUnread() ? nowMs : heardAtMs();
    const leftMs = sinceMs + this.#silenceMs - nowMs;
    if (leftMs > 0) this.#timer = this.#lookIn(leftMs);
    else onSilent();
  }
}
