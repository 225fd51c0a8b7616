const HEX = Buffer.from("0123456789abcdef");
const DASHES_AT = [8, 13, 18, 23];
const TEXT_BYTES = 36;

export interface RecordIdsOptions {
  /** How many are made at a time. */
  readonly chunk: number;
  /** How far back a duplicate reaches, in records. */
  readonly back: number;
  readonly duplicateShare: number;
}

/** A chunk of record ids. */
export interface RecordIds {
  readonly texts: string[];
  /** 1 where the id was given out before, at most `back` records ago. */
  readonly isDuplicate: Uint8Array;
  /** Makes the chunk that begins with this record. */
  make(begin: number): void;
}

/**
 * Ids like UUIDs, in order of record; the same number always gives the same text, and two numbers never do, so that it is known
 * of each whether it is a duplicate without keeping any. Texts are made from bytes: flat, as a decoder makes them.
 */
export function recordIds({ chunk, back, duplicateShare }: RecordIdsOptions): RecordIds {
  const texts: string[] = Array.from({ length: chunk }, () => "");
  const isDuplicate = new Uint8Array(chunk);
  const bytes = Buffer.alloc(TEXT_BYTES);
  return {
    texts,
    isDuplicate,
    make(begin) {
      for (let at = 0; at < chunk; at += 1) {
        const record = begin + at;
        const original = originalOf(record, back, duplicateShare);
        isDuplicate[at] = original === record ? 0 : 1;
        texts[at] = writeId(original, bytes);
      }
    },
  };
}

/** The record whose id this one bears: its own mostly. Never one that is a duplicate itself: those bear no id of their own. */
function originalOf(record: number, back: number, duplicateShare: number): number {
  const isOwn = (number: number) => share(number, 1) >= duplicateShare;
  if (isOwn(record)) return record;
  let original = record - 1 - Math.floor(share(record, 2) * Math.min(back, record));
  while (original >= 0 && !isOwn(original)) original -= 1;
  return original < 0 ? record : original;
}

function share(number: number, salt: number): number {
  return (mixed(mixed(number) ^ salt) >>> 0) / 2 ** 32;
}

function writeId(number: number, bytes: Buffer): string {
  let at = 0;
  for (let part = 0; part < 4; part += 1) {
    let word = part === 0 ? mixed(number) : mixed(mixed(number) ^ (part + 2));
    for (let digit = 0; digit < 8; digit += 1) {
      if (DASHES_AT.includes(at)) bytes[at++] = 0x2d;
      bytes[at++] = HEX[word & 15];
      word >>>= 4;
    }
  }
  return bytes.toString("latin1");
}

/** One word from another, each from one only (Chris Wellons' lowbias32): the first eight digits alone tell ids apart. */
function mixed(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
  word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
  return word ^ (word >>> 15);
}
