/** Time and timers, as an argument: the real ones in a process, simulated ones in tests. */
export interface Clock {
  /** Wall clock, ms since the epoch, UTC. May jump. */
  nowMs(): number;
  /** Never goes back; for durations. */
  monotonicMs(): number;
  /** Runs `callback` once, `delayMs` from now. */
  after(delayMs: number, callback: () => void): Timer;
}

export interface Timer {
  cancel(): void;
  /** From now on it keeps no process alive. */
  unref?(): void;
}

/** The machine's own clock and timers. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const timeout = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timeout), unref: () => void timeout.unref() };
  },
};
