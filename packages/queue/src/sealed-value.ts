import { crc32c } from "@millrace/wire";

/**
 * A value as it lies on the disk:
 *
 *   offset size
 *        0    n  the value
 *        n    4  CRC-32C of the key and then the value, big-endian
 *
 * The key is part of it: a value under a key that is not its own is damaged too.
 */
export const SEAL_BYTES = 4;

/** Into as many bytes as the value and its seal have. */
export function sealValue(key: Uint8Array, value: Uint8Array, sealed: Uint8Array): Uint8Array {
  sealed.set(value);
  new DataView(sealed.buffer, sealed.byteOffset).setUint32(value.length, crc32c(value, crc32c(key)));
  return sealed;
}

/** The value; undefined where the bytes are not what was sealed under this key. */
export function openValue(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  const length = sealed.length - SEAL_BYTES;
  if (length < 0) return undefined;
  const value = sealed.subarray(0, length);
  const stored = new DataView(sealed.buffer, sealed.byteOffset).getUint32(length);
  return stored === crc32c(value, crc32c(key)) ? value : undefined;
}
