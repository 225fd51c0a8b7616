const PUBACK_BYTES = 4;

/** PUBACKs with success, the same in MQTT 3.1.1 (3.4) and 5 (3.4.2.1: reason code and properties left out). */
export function pubackBytes(packetIds: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(packetIds.length * PUBACK_BYTES);
  for (let index = 0, at = 0; index < packetIds.length; index += 1, at += PUBACK_BYTES) {
    bytes[at] = 0x40;
    bytes[at + 1] = 2;
    bytes[at + 2] = packetIds[index] >> 8;
    bytes[at + 3] = packetIds[index] & 0xff;
  }
  return bytes;
}
