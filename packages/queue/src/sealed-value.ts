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
const CRC_BYTES = 4;

export function sealValue(key: Uint8Array, value: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(value.length + CRC_BYTES);
  sealed.set(value);
  new DataView(sealed.buffer).setUint32(value.length, crc32c(value, crc32c(key)));
  return sealed;
}

/** The value; undefined where the bytes are not what was sealed under this key. */
export function openValue(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  const length = sealed.length - CRC_BYTES;
  if (length < 0) return undefined;
  const value = sealed.subarray(0, length);
  const stored = new DataView(sealed.buffer, sealed.byteOffset).getUint32(length);
  return stored === crc32c(value, crc32c(key)) ? value : undefined;
}
