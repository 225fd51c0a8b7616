const SLOTS = 32_768;
/** Longer ones are not remembered: a client could fill memory with them. */
const TOPIC_BYTES_MAX = 256;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * From a topic's bytes in a packet to what is known of it, without making a text for each message. Each topic has two
 * possible places; whoever comes to a third takes the second's, so that no invented topics fill the memory.
 */
export class TopicCache<Known> {
  readonly #know: (topic: string) => Known;
  readonly #slots: (Entry<Known> | undefined)[] = Array.from({ length: SLOTS }, () => undefined);

  /** `know` is called for a topic that the cache does not hold, with a text that is not empty. */
  constructor(know: (topic: string) => Known) {
    this.#know = know;
  }

  /** Undefined for an empty topic, for one that is no UTF-8, and for one of over 256 bytes. */
  find(bytes: Uint8Array, from: number, to: number): Known | undefined {
    if (to - from > TOPIC_BYTES_MAX) return undefined;
    const slot = hashOf(bytes, from, to) & (SLOTS - 1);
    const first = this.#slots[slot];
    if (first !== undefined && isSame(first.bytes, bytes, from, to)) return first.known;
    const second = this.#slots[slot ^ 1];
    if (second !== undefined && isSame(second.bytes, bytes, from, to)) return second.known;
    const own = bytes.slice(from, to);
    const topic = textOf(own);
    if (topic === undefined || topic === "") return undefined;
    const known = this.#know(topic);
    this.#slots[first === undefined ? slot : slot ^ 1] = { bytes: own, known };
    return known;
  }
}

interface Entry<Known> {
  readonly bytes: Uint8Array;
  readonly known: Known;
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

function isSame(known: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (known.length !== to - from) return false;
  for (let at = 0; at < known.length; at += 1) if (known[at] !== bytes[from + at]) return false;
  return true;
}

/** Four bytes a step; what one cannot be told from another by it is told by its bytes. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = to - from;
  let at = from;
  for (; at + 3 < to; at += 4) {
    const word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    hash = Math.imul(hash ^ word, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; at < to; at += 1) hash = Math.imul(hash ^ bytes[at], 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
