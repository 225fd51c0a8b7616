/** Waiting that batches may cause on their way: a heartbeat or a live pane behind them is no later than that. */
export const QUEUEING_MS_TARGET = 500;
/** Also where it starts: a fast link is found within some round trips. */
const BYTES_MIN = 16 * 1024;
const BYTES_MAX = 4 * 1024 * 1024;
/** Share of the acknowledged bytes by which the window moves, at most. */
const GAIN = 0.5;

/** A batch that central acknowledged for the first time. */
export interface Acknowledged {
  readonly bytes: number;
  /** Between its sending and its acknowledgement. */
  readonly delayMs: number;
  /** All that was in flight once it was sent, itself included. */
  readonly flightBytes: number;
}

/**
 * How many bytes may be in flight, by what the link carries. A slow link shows as delay, since what is sent waits in
 * buffers on the way: the window grows while batches wait less than the target beyond the link's own delay, and shrinks
 * by as much beyond it (after LEDBAT, RFC 6817, 2.4.2). A central that is slow to commit shows in the same way.
 */
export class UplinkWindow {
  #bytes = BYTES_MIN;
  /** Delay of the link and of central's commit when nothing waits. */
  #delayMs = Number.POSITIVE_INFINITY;

  get bytes(): number {
    return this.#bytes;
  }

  /** The last batch may go beyond the window, so that one is always possible. */
  hasRoom(inFlightBytes: number): boolean {
    return inFlightBytes < this.#bytes;
  }

  acknowledged({ bytes, delayMs, flightBytes }: Acknowledged): void {
    // Alone on the link, a batch tells its delay anew: the route may have changed.
    this.#delayMs = flightBytes === bytes ? delayMs : Math.min(this.#delayMs, delayMs);
    const shareToTarget = 1 - (delayMs - this.#delayMs) / QUEUEING_MS_TARGET;
    // A window that was not used says nothing about a greater one.
    if (shareToTarget > 0 && flightBytes < this.#bytes / 2) return;
    this.#move(GAIN * Math.max(-1, shareToTarget) * bytes);
  }

  /** Nothing came back: what was in flight is sent again, into half the window. */
  timedOut(): void {
    this.#move(-this.#bytes / 2);
  }

  #move(byBytes: number): void {
    this.#bytes = Math.min(BYTES_MAX, Math.max(BYTES_MIN, this.#bytes + byBytes));
  }
}
