import { MillraceError, reasonOf } from "./error.ts";
import { systemClock, type Clock } from "./clock.ts";
import type { Logger } from "./log.ts";

/**
 * The orderly stop: steps one after another, each with its time limit. A step that fails or takes too long is left
 * behind and the next one runs: whatever is durable stays so, and a stop must end.
 */
export class Shutdown {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #steps: ShutdownStep[] = [];
  #stopped: Promise<boolean> | undefined;

  constructor(options: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = options.clock;
    this.#log = options.log;
  }

  get isStopping(): boolean {
    return this.#stopped !== undefined;
  }

  /** Steps run in the order in which they are added: inputs first, the store last. */
  add(step: ShutdownStep): void {
    this.#steps.push(step);
  }

  /** Runs the steps once; later calls wait for the same end. True when every step ended well. */
  stop(reason: string): Promise<boolean> {
    this.#stopped ??= this.#run(reason);
    return this.#stopped;
  }

  async #run(reason: string): Promise<boolean> {
    this.#log.info(`stopping: ${reason}`);
    let isClean = true;
    for (const step of this.#steps) {
      const startMs = this.#clock.monotonicMs();
      try {
        await this.#withLimit(step);
        this.#log.debug(`stopped ${step.name}`, {
          durationMs: Math.round(this.#clock.monotonicMs() - startMs),
        });
      } catch (error) {
        isClean = false;
        this.#log.error(
          error instanceof MillraceError ? error.message : `cannot stop ${step.name}: ${reasonOf(error)}`,
        );
      }
    }
    this.#log.info(isClean ? "stopped" : "stopped, not in order");
    this.#log.flush();
    return isClean;
  }

  async #withLimit(step: ShutdownStep): Promise<void> {
    const { promise: tooLate, reject } = Promise.withResolvers<never>();
    const timer = this.#clock.after(step.limitMs, () => {
      reject(new MillraceError("stop_timeout", { step: step.name, limitMs: step.limitMs }));
    });
    try {
      await Promise.race([step.run(), tooLate]);
    } finally {
      timer.cancel();
    }
  }
}

export interface ShutdownStep {
  readonly name: string;
  readonly limitMs: number;
  run(): Promise<void> | void;
}

/** Where signals come from: the process, or a test's emitter. */
export interface SignalSource {
  on(signal: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  off(signal: "SIGINT" | "SIGTERM", listener: () => void): unknown;
}

export interface SignalHandlers {
  /** The first SIGINT or SIGTERM. */
  stop(signal: "SIGINT" | "SIGTERM"): void;
  /** The second: leave at once. */
  force(signal: "SIGINT" | "SIGTERM"): void;
}

/**
 * One Ctrl-C can arrive more than once: from the terminal, which signals the whole process group, and from whoever started
 * the program (npm, a supervisor) and passes the signal on.
 */
const REPEAT_MS = 1_000;

export interface SignalWorld {
  readonly source: SignalSource;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/**
 * Ctrl-C once stops in order, twice stops at once; what comes within `REPEAT_MS` of the first counts as the first. Returns
 * what takes the handlers off again.
 */
export function onStopSignals(
  handlers: SignalHandlers,
  { source, clock }: SignalWorld = { source: process, clock: systemClock },
): () => void {
  let askedAtMs: number | null = null;
  const handle = (signal: "SIGINT" | "SIGTERM"): void => {
    const nowMs = clock.monotonicMs();
    if (askedAtMs === null) {
      askedAtMs = nowMs;
      handlers.stop(signal);
    } else if (nowMs - askedAtMs > REPEAT_MS) handlers.force(signal);
  };
  const onInterrupt = (): void => handle("SIGINT");
  const onTerminate = (): void => handle("SIGTERM");
  source.on("SIGINT", onInterrupt);
  source.on("SIGTERM", onTerminate);
  return () => {
    source.off("SIGINT", onInterrupt);
    source.off("SIGTERM", onTerminate);
  };
}
