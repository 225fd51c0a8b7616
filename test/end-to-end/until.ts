const EVERY_MS = 25;
/** Ends what hangs, also on a machine that is busy with other things. */
const LIMIT_MS = 60_000;

/**
 * Asks until there is an answer that is neither undefined nor false. A throw counts as no answer yet; the last one is in
 * the error that is thrown after `limitMs`, which names what was waited for.
 */
export async function until<Answer>(
  what: string,
  ask: () => Answer | undefined | false | Promise<Answer | undefined | false>,
  limitMs = LIMIT_MS,
): Promise<Answer> {
  const deadlineMs = performance.now() + limitMs;
  let lastFailure: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      lastFailure = undefined;
    } catch (error) {
      lastFailure = error;
    }
    if (performance.now() > deadlineMs)
      throw new Error(`not within ${limitMs} ms: ${what}`, { cause: lastFailure });
    await new Promise<void>((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
