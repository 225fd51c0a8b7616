/** Where something stands in a file, from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A message as it once came. */
export interface RecordedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** When it came, ms; null where the recording does not say: then the newest reading in it tells. */
  readonly timeMs: number | null;
  readonly isRetained: boolean;
  /** Why its line could make no payload of it: counted as rejected(malformed), not decoded. */
  readonly malformed?: string;
  readonly place: Place;
}

/** A line that is no message: counted, and named. */
export interface BadLine {
  readonly place: Place;
  readonly reason: string;
}

export type Recorded =
  | { readonly kind: "message"; readonly message: RecordedMessage }
  | { readonly kind: "bad"; readonly bad: BadLine };

export function placeText({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}
