/** What one device says in one message: its PUBLISH packet, ready but for the times and the packet's id. */
export interface PublishTemplate {
  readonly bytes: Buffer;
  /** Where the id of a QoS 1 packet stands; -1 with QoS 0. */
  readonly idAt: number;
  /** Where each reading's 13 digits of its time stand, in the payload's order; its value's last digit is VALUE_BEFORE before. */
  readonly timesAt: readonly number[];
}

const TIME_DIGITS = 13;
/** From the time back to the value's last digit: `,"ts":`. */
const VALUE_BEFORE = 7;
const NO_TIME = "0".repeat(TIME_DIGITS);

/** A message of `readings` temperatures below every limit: one as an object, several as an array of them. */
export function publishTemplate(options: {
  readonly topic: string;
  readonly readings: number;
  readonly qos: 0 | 1;
  /** Tells devices' values apart. */
  readonly device: number;
}): PublishTemplate {
  const { topic, readings, qos, device } = options;
  const elements = Array.from({ length: readings }, (_, index) => {
    const temperature = (20 + ((device * 7 + index * 13) % 5_000) / 100).toFixed(2);
    return `{"temperature":${temperature},"ts":${NO_TIME}}`;
  });
  const payload = readings === 1 ? elements[0] : `[${elements.join(",")}]`;
  const topicBytes = Buffer.from(topic);
  const idBytes = qos === 1 ? 2 : 0;
  const bodyBytes = 2 + topicBytes.length + idBytes + payload.length;
  const head = [
    0x30 | (qos << 1),
    ...remainingLength(bodyBytes),
    topicBytes.length >> 8,
    topicBytes.length & 0xff,
  ];
  const idAt = head.length + topicBytes.length;
  const bytes = Buffer.concat([Buffer.from(head), topicBytes, Buffer.alloc(idBytes), Buffer.from(payload)]);
  const timesAt: number[] = [];
  for (let at = bytes.indexOf(NO_TIME, idAt); at >= 0; at = bytes.indexOf(NO_TIME, at + TIME_DIGITS))
    timesAt.push(at);
  return { bytes, idAt: qos === 1 ? idAt : -1, timesAt };
}

/** Writes the times of the template's readings, `stepMs` apart, and noise into the decimals of their values, into a copy of it that begins at `from`. */
export function putReadings(
  bytes: Uint8Array,
  from: number,
  { timesAt }: PublishTemplate,
  times: { readonly firstMs: number; readonly stepMs: number },
): void {
  for (let index = 0; index < timesAt.length; index += 1) {
    let rest = times.firstMs + index * times.stepMs;
    // The upper bits of a linear congruential step: noise enough for a sensor.
    const noise = (Math.imul((rest % 2 ** 31) ^ from, 0x9e3779b1) >>> 16) % 100;
    bytes[from + timesAt[index] - VALUE_BEFORE] = 0x30 + (noise % 10);
    bytes[from + timesAt[index] - VALUE_BEFORE - 1] = 0x30 + Math.floor(noise / 10);
    for (let at = from + timesAt[index] + TIME_DIGITS - 1; at >= from + timesAt[index]; at -= 1) {
      const tenth = Math.floor(rest / 10);
      bytes[at] = 0x30 + rest - tenth * 10;
      rest = tenth;
    }
  }
}

/** MQTT 3.1.1, 2.2.3. */
function remainingLength(length: number): number[] {
  const bytes: number[] = [];
  for (let rest = length; ;) {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 128 : low);
    if (rest === 0) return bytes;
  }
}
