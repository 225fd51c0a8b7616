const TOPICS_MAX = 50_000;
/** Longer ones are not remembered: a client could fill memory with them. */
const TOPIC_LENGTH_MAX = 256;
/** Of all together: 50,000 topics of usual length. */
const LENGTH_MAX = 4 * 2 ** 20;

/** What is found out once about each topic. A client that invents topics fills no memory: it costs the finding out. */
export class RememberedTopics<Known> {
  readonly #findOut: (topic: string) => Known;
  readonly #known = new Map<string, Known>();
  #length = 0;

  /** `findOut` must not give undefined. */
  constructor(findOut: (topic: string) => Known) {
    this.#findOut = findOut;
  }

  /** How many are remembered. */
  get count(): number {
    return this.#known.size;
  }

  find(topic: string): Known {
    const known = this.#known.get(topic);
    if (known !== undefined) return known;
    const found = this.#findOut(topic);
    if (topic.length > TOPIC_LENGTH_MAX) return found;
    if (this.#known.size >= TOPICS_MAX || this.#length + topic.length > LENGTH_MAX) this.forget();
    this.#known.set(topic, found);
    this.#length += topic.length;
    return found;
  }

  /** All: what was found out may no longer be true. */
  forget(): void {
    this.#known.clear();
    this.#length = 0;
  }
}
