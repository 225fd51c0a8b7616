import { createBackoff, reasonOf, type Clock, type Random } from "@millrace/runtime";

const FIRST_MS = 100;
const MAX_MS = 2_000;

/** Does something again, after growing waits, until it succeeds, is hopeless, or patience or connection is at an end: then it rejects. */
export async function retried<Outcome>(
  attempt: () => Promise<Outcome>,
  options: {
    readonly clock: Clock;
    readonly random: Random;
    readonly patienceMs: number;
    readonly isClosed: () => boolean;
    readonly isHopeless: (error: unknown) => boolean;
    readonly onTrouble: ((reason: string) => void) | undefined;
    /** Once an attempt has gone on for so long, it is trouble, too: it ends by itself. Undefined: never. */
    readonly silenceMs: number | undefined;
  },
): Promise<Outcome> {
  const { clock, random, patienceMs, isClosed, isHopeless, onTrouble, silenceMs } = options;
  const backoff = createBackoff({ random, firstMs: FIRST_MS, maxMs: MAX_MS });
  const startMs = clock.monotonicMs();
  for (;;) {
    const silence =
      silenceMs === undefined
        ? null
        : clock.after(silenceMs, () => onTrouble?.(`no answer for ${silenceMs / 1_000} s; waiting for it`));
    try {
      return await attempt();
    } catch (error) {
      const isOver = clock.monotonicMs() - startMs >= patienceMs;
      if (isClosed() || isOver || isHopeless(error)) throw error;
      onTrouble?.(reasonOf(error));
    } finally {
      silence?.cancel();
    }
    await new Promise<void>((resolve) => clock.after(backoff.nextMs(), resolve));
  }
}
