const SEED = 0x9747b28c;
const FACTOR = 0x5bd1e995;
const ROTATION = 24;
const ASCII_MAX = 0x7f;
const SHORT = 256;
const scratch = new Uint8Array(SHORT);

/** The partition that Java's clients choose for a key: murmur2 without its sign, modulo their number. */
export function keyPartition(key: string | Uint8Array, partitionCount: number): number {
  const isShort = typeof key === "string" && key.length <= SHORT && writeAscii(key);
  const hash = isShort
    ? murmur2(scratch, key.length)
    : murmur2(typeof key === "string" ? Buffer.from(key) : key, Buffer.byteLength(key));
  return (hash & 0x7fff_ffff) % partitionCount;
}

/** Into the scratch; false where it has other characters. */
function writeAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code > ASCII_MAX) return false;
    scratch[at] = code;
  }
  return true;
}

/** `org.apache.kafka.common.utils.Utils.murmur2`. */
function murmur2(bytes: Uint8Array, length: number): number {
  let hash = SEED ^ length;
  const whole = length & ~3;
  for (let at = 0; at < whole; at += 4) {
    let part = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    part = Math.imul(part, FACTOR);
    part ^= part >>> ROTATION;
    hash = Math.imul(hash, FACTOR) ^ Math.imul(part, FACTOR);
  }
  const left = length - whole;
  if (left === 3) hash ^= bytes[whole + 2] << 16;
  if (left >= 2) hash ^= bytes[whole + 1] << 8;
  if (left >= 1) hash = Math.imul(hash ^ bytes[whole], FACTOR);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, FACTOR);
  return hash ^ (hash >>> 15);
}
