/**
 * A message that the broker keeps:
 *
 *   u32 length of the JSON, big-endian
 *   JSON {topic, qos, messageId?, isReceived?, validUntilMs?}: the id that it was sent with; whether only that is left of a QoS 2
 *   message; until when, on the wall clock, anybody is to have it
 *   payload
 */
export interface MessageRecord {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly messageId?: number;
  readonly isReceived?: boolean;
  readonly validUntilMs?: number;
}

const HEAD_AT = 4;

export function encodeMessage({ payload, ...head }: MessageRecord): Uint8Array {
  const headBytes = Buffer.from(JSON.stringify(head));
  const bytes = Buffer.alloc(HEAD_AT + headBytes.length + payload.length);
  bytes.writeUInt32BE(headBytes.length);
  headBytes.copy(bytes, HEAD_AT);
  payload.copy(bytes, HEAD_AT + headBytes.length);
  return bytes;
}

/** Undefined where the bytes are damaged. */
export function parseMessage(value: Uint8Array): MessageRecord | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (bytes.length < HEAD_AT) return undefined;
  const payloadAt = HEAD_AT + bytes.readUInt32BE();
  const head = parseHead(bytes.subarray(HEAD_AT, payloadAt).toString());
  return head && { ...head, payload: Buffer.from(bytes.subarray(payloadAt)) };
}

function parseHead(text: string): Omit<MessageRecord, "payload"> | undefined {
  let head: unknown;
  try {
    head = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof head !== "object" || head === null || !("topic" in head && "qos" in head)) return undefined;
  const { topic, qos } = head;
  if (typeof topic !== "string" || (qos !== 0 && qos !== 1 && qos !== 2)) return undefined;
  const messageId = "messageId" in head && typeof head.messageId === "number" ? head.messageId : undefined;
  const isReceived = "isReceived" in head && head.isReceived === true;
  const until = "validUntilMs" in head ? head.validUntilMs : undefined;
  return { topic, qos, messageId, isReceived, validUntilMs: typeof until === "number" ? until : undefined };
}
