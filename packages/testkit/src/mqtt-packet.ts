/**
 * A packet of MQTT 3.1.1, for tests that send what no library would: its first byte, its length (2.2.3), and its parts. A text
 * is written with its own length before it (1.5.3); a payload has none, and goes in as bytes.
 */
export function mqttPacket(first: number, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? textField(part) : part)));
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

function textField(text: string): Buffer {
  const length = Buffer.byteLength(text);
  return Buffer.concat([Buffer.from([length >> 8, length & 0xff]), Buffer.from(text)]);
}
