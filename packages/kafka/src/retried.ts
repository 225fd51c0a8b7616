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
  },
): Promise<Outcome> {
  const { clock, random, patienceMs, isClosed, isHopeless, onTrouble } = options;
  const backoff = createBackoff({ random, firstMs: FIRST_MS, maxMs: MAX_MS });
  const startMs = clock.monotonicMs();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const isOver = clock.monotonicMs() - startMs >= patienceMs;
      if (isClosed() || isOver || isHopeless(error)) throw error;
      onTrouble?.(reasonOf(error));
    }
    await new Promise<void>((resolve) => clock.after(backoff.nextMs(), resolve));
  }
}
