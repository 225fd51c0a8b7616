/** What one look into a file brought: whole lines, and how far they reach. */
export interface SplitLines {
  /** Views into the bytes, without `\n` or `\r\n`; empty lines are left out. */
  readonly lines: readonly Uint8Array[];
  /** Bytes of all of them with their ends, the empty ones too: the next line begins there. */
  readonly usedBytes: number;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Splits into at most `linesMax` lines; bytes behind the last line feed are not used unless `isEnd`. */
export function splitLines(bytes: Uint8Array, linesMax: number, isEnd = false): SplitLines {
  const lines: Uint8Array[] = [];
  let from = 0;
  while (lines.length < linesMax && from < bytes.length) {
    const feed = bytes.indexOf(LINE_FEED, from);
    if (feed < 0 && !isEnd) break;
    const end = feed < 0 ? bytes.length : feed;
    const textEnd = end > from && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
    if (textEnd > from) lines.push(bytes.subarray(from, textEnd));
    from = Math.min(bytes.length, end + 1);
  }
  return { lines, usedBytes: from };
}
