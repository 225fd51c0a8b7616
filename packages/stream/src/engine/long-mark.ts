const decoder = new TextDecoder();
const encoder = new TextEncoder();

/**
 * Of what length the long panes of a view are; null: none are kept, and 0: they are being made, or cleared, so that whichever start
 * comes next begins with what is there. Stored under `m|{view}` as decimal ms, of null nothing.
 */
export type LongMark = number | null;

/** Null: the key goes. */
export function encodeLongMark(mark: LongMark): Uint8Array | null {
  return mark === null ? null : encoder.encode(String(mark));
}

/** NaN where it cannot be read. */
export function decodeLongMark(bytes: Uint8Array | undefined): LongMark {
  return bytes === undefined ? null : Number(decoder.decode(bytes));
}
