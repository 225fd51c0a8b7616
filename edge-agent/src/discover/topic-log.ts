/** What was heard on one topic. */
export interface HeardTopic {
  readonly topic: string;
  readonly messageCount: number;
  readonly byteCount: number;
  readonly isRetainedOnly: boolean;
  /** The last payloads, their first bytes: newest last. */
  readonly samples: readonly Uint8Array[];
}

const TOPICS_MAX = 10_000;
const SAMPLES_MAX = 3;
/** Longer payloads are cut, and then are no JSON any more. */
const SAMPLE_BYTES_MAX = 16_384;

/** Listens to everything that is published, within bounds. */
export class TopicLog {
  readonly #topics = new Map<string, { -readonly [Key in keyof HeardTopic]: HeardTopic[Key] }>();
  #messageCount = 0;
  #unheardCount = 0;

  hear(topic: string, payload: Uint8Array, isRetained: boolean): void {
    this.#messageCount++;
    let heard = this.#topics.get(topic);
    if (heard === undefined) {
      if (this.#topics.size >= TOPICS_MAX) {
        this.#unheardCount++;
        return;
      }
      heard = { topic, messageCount: 0, byteCount: 0, isRetainedOnly: true, samples: [] };
      this.#topics.set(topic, heard);
    }
    heard.messageCount++;
    heard.byteCount += payload.length;
    heard.isRetainedOnly &&= isRetained;
    heard.samples = [...heard.samples, payload.slice(0, SAMPLE_BYTES_MAX)].slice(-SAMPLES_MAX);
  }

  get messageCount(): number {
    return this.#messageCount;
  }

  /** Messages of topics beyond the bound. */
  get unheardCount(): number {
    return this.#unheardCount;
  }

  /** By topic. */
  topics(): readonly HeardTopic[] {
    return [...this.#topics.values()].toSorted((a, b) => (a.topic < b.topic ? -1 : 1));
  }
}
