/**
 * Behind the character of more than one byte that begins there; -1 where it is none (RFC 3629: no overlong ones, no
 * surrogates, nothing beyond U+10FFFF).
 */
export function utf8End(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  const second = bytes[at + 1];
  if (first < 0xc2) return -1;
  if (first < 0xe0) return isNext(second) ? at + 2 : -1;
  if (first < 0xf0) {
    const least = first === 0xe0 ? 0xa0 : 0x80;
    const most = first === 0xed ? 0x9f : 0xbf;
    return second >= least && second <= most && isNext(bytes[at + 2]) ? at + 3 : -1;
  }
  if (first > 0xf4) return -1;
  const least = first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xf4 ? 0x8f : 0xbf;
  const isRight = second >= least && second <= most && isNext(bytes[at + 2]) && isNext(bytes[at + 3]);
  return isRight ? at + 4 : -1;
}

function isNext(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
