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
    let isUnref = false;
    let timeout: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, STEP_MS_MAX);
      timeout = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : callback()), stepMs);
      if (isUnref) timeout.unref();
    };
    wait(delayMs);
    return {
      cancel: () => clearTimeout(timeout),
      unref() {
        isUnref = true;
        timeout.unref();
      },
    };
  },
};

/** Of one of Node's timers, about 25 days: it runs at once what is due later than that. */
const STEP_MS_MAX = 2 ** 31 - 1;
