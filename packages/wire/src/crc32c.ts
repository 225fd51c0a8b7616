/** CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), sixteen bytes a step ("slicing", Intel 2006). */
const POLYNOMIAL = 0x82f63b78;
const STEP_BYTES = 16;
/** What is shorter is not worth a view of it. */
const VIEWED_BYTES_MIN = 64;
/** Of each byte of a step 256 entries, that of the last byte first. */
const TABLE = makeTable();

/**
 * Checksum of `bytes`, or of a part of them, unsigned. `previous` continues an earlier one: crc32c(b, crc32c(a)) is that of a
 * followed by b.
 */
export function crc32c(bytes: Uint8Array, previous = 0, from = 0, to = bytes.length): number {
  let crc = ~previous;
  let at = from;
  if (to - from >= VIEWED_BYTES_MIN) {
    // Four bytes a look at memory: a byte a look takes more than twice as long.
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const end = to - STEP_BYTES; at <= end; at += STEP_BYTES) {
      const a = crc ^ view.getInt32(at, true);
      const b = view.getInt32(at + 4, true);
      const c = view.getInt32(at + 8, true);
      const d = view.getInt32(at + 12, true);
      crc =
        TABLE[0xf00 | (a & 0xff)] ^
        TABLE[0xe00 | ((a >>> 8) & 0xff)] ^
        TABLE[0xd00 | ((a >>> 16) & 0xff)] ^
        TABLE[0xc00 | (a >>> 24)] ^
        TABLE[0xb00 | (b & 0xff)] ^
        TABLE[0xa00 | ((b >>> 8) & 0xff)] ^
        TABLE[0x900 | ((b >>> 16) & 0xff)] ^
        TABLE[0x800 | (b >>> 24)] ^
        TABLE[0x700 | (c & 0xff)] ^
        TABLE[0x600 | ((c >>> 8) & 0xff)] ^
        TABLE[0x500 | ((c >>> 16) & 0xff)] ^
        TABLE[0x400 | (c >>> 24)] ^
        TABLE[0x300 | (d & 0xff)] ^
        TABLE[0x200 | ((d >>> 8) & 0xff)] ^
        TABLE[0x100 | ((d >>> 16) & 0xff)] ^
        TABLE[d >>> 24];
    }
  }
  for (; at < to; at += 1) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]) & 0xff];
  return ~crc >>> 0;
}

function makeTable(): Int32Array {
  const table = new Int32Array(256 * STEP_BYTES);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table[byte] = crc;
  }
  for (let at = 256; at < table.length; at += 1) {
    const before = table[at - 256];
    table[at] = (before >>> 8) ^ table[before & 0xff];
  }
  return table;
}
