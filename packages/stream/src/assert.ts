/** A broken invariant: stays on in production. */
export function assert(isTrue: boolean, what: string): asserts isTrue {
  if (!isTrue) throw new Error(`broken invariant: ${what}`);
}
