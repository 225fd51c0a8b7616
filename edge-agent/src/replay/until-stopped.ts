/** What `source` gives until the signal comes: then it ends, also while it waits for more. */
export async function* untilStopped<Item>(
  source: AsyncIterable<Item>,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  const items = source[Symbol.asyncIterator]();
  while (!signal.aborted) {
    const { promise: stopped, resolve } = Promise.withResolvers<undefined>();
    const onAbort = () => resolve(undefined);
    signal.addEventListener("abort", onAbort);
    try {
      const next = await Promise.race([items.next(), stopped]);
      if (next === undefined || next.done === true) return;
      yield next.value;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
