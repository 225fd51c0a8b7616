import type { OutgoingMessage } from "./outgoing-message.ts";

/** Messages in the order in which they wait, taken from the front once they are delivered. */
export class WaitingLine {
  #messages: OutgoingMessage[] = [];
  #head = 0;

  get length(): number {
    return this.#messages.length - this.#head;
  }

  push(message: OutgoingMessage): void {
    this.#messages.push(message);
  }

  /** At most `count`; they stay. */
  first(count: number): readonly OutgoingMessage[] {
    return this.#messages.slice(this.#head, this.#head + count);
  }

  /** The first `count` are gone. */
  drop(count: number): void {
    this.#head += count;
    if (this.#head < 1_024 && this.#head < this.#messages.length) return;
    this.#messages = this.#messages.slice(this.#head);
    this.#head = 0;
  }

  /** They are gone, all of them among the first `count`; the others stay in their order. */
  dropAmong(gone: ReadonlySet<OutgoingMessage>, count: number): void {
    const kept = this.first(count).filter((message) => !gone.has(message));
    for (const [index, message] of kept.entries()) this.#messages[this.#head + gone.size + index] = message;
    this.drop(gone.size);
  }

  /** The first `count`, which are gone from here. */
  take(count: number): readonly OutgoingMessage[] {
    const messages = this.first(count);
    this.drop(messages.length);
    return messages;
  }

  /** They wait again, before all others. */
  putBack(messages: readonly OutgoingMessage[]): void {
    this.#messages = [...messages, ...this.#messages.slice(this.#head)];
    this.#head = 0;
  }

  *numbers(): Generator<number> {
    for (let index = this.#head; index < this.#messages.length; index += 1)
      yield* this.#messages[index].numbers;
  }
}
