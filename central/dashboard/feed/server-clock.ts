const BUCKET_MS = 60_000;

/**
 * Central's clock as seen from here, without trusting this machine's wall clock. A frame can only be delayed, so the
 * greatest (server time - monotonic time) of the last one to two minutes is the best estimate; older ones are let go,
 * because a server clock that is slower or was set back would otherwise look like lag for ever.
 */
export class ServerClock {
  #bucketStartMs = -Infinity;
  #offsetMs = -Infinity;
  #previousOffsetMs = -Infinity;

  /** A frame that central stamped `serverTimeMs` came at `monotonicMs`. */
  observe(serverTimeMs: number, monotonicMs: number): void {
    const offsetMs = serverTimeMs - monotonicMs;
    if (monotonicMs - this.#bucketStartMs >= BUCKET_MS) {
      this.#previousOffsetMs = this.#offsetMs;
      this.#offsetMs = offsetMs;
      this.#bucketStartMs = monotonicMs;
    }
    this.#offsetMs = Math.max(this.#offsetMs, offsetMs);
  }

  /** Central's time at `monotonicMs`, or `null` before the first frame. */
  nowMs(monotonicMs: number): number | null {
    const offsetMs = Math.max(this.#offsetMs, this.#previousOffsetMs);
    return offsetMs === -Infinity ? null : monotonicMs + offsetMs;
  }
}
