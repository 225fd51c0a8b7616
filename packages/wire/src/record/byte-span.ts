/** Part of some bytes, without a view of its own; `end` is behind it. */
export interface ByteSpan {
  readonly source: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export function wholeSpan(source: Uint8Array): ByteSpan {
  return { source, start: 0, end: source.length };
}
