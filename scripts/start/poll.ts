/** Asks every `everyMs` until `ask` gives something, at most `limitMs`; undefined when it never did. A throw counts as nothing. */
export async function poll<Answer>(
  ask: () => Promise<Answer | undefined>,
  options: { readonly everyMs: number; readonly limitMs: number; readonly signal: AbortSignal },
): Promise<Answer | undefined> {
  const deadlineMs = performance.now() + options.limitMs;
  while (!options.signal.aborted && performance.now() < deadlineMs) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    await new Promise<void>((resolve) => setTimeout(resolve, options.everyMs));
  }
  return undefined;
}
