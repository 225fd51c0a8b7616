/** Of an MQTT packet's length, most. */
export const LENGTH_BYTES_MAX = 4;

/** Where the body of the packet that begins at `at` begins; -1 while its length (MQTT 3.1.1, 2.2.3) is not whole, or where it is malformed. */
export function packetBodyAt(bytes: Uint8Array, at: number): number {
  for (let index = 1; index <= LENGTH_BYTES_MAX && at + index < bytes.length; index += 1)
    if (bytes[at + index] < 128) return at + index + 1;
  return -1;
}

/** The length of its body, where that is whole. */
export function packetLengthAt(bytes: Uint8Array, at: number): number {
  let length = 0;
  for (let index = 1, shift = 0; ; index += 1, shift += 7) {
    const byte = bytes[at + index];
    length |= (byte & 127) << shift;
    if (byte < 128) return length;
  }
}
