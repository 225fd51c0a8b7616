import { createBackoff, type Backoff, type Clock, type Random, type Timer } from "@millrace/runtime";
import type { OutgoingMessage } from "./outgoing-message.ts";
import type { Output } from "./output.ts";
import type { ReceiverWatch } from "./receiver-watch.ts";
import { WaitingLine } from "./waiting-line.ts";

export interface RequestOutputOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly watch: ReceiverWatch;
  readonly onDelivered: (message: OutgoingMessage) => void;
}

const RETRY_FIRST_MS = 200;
const RETRY_MS_MAX = 5_000;

/** Messages in order, one request at a time, each until it is answered; while the receiver is away they wait. */
export abstract class RequestOutput implements Output {
  protected readonly line = new WaitingLine();
  readonly #options: RequestOutputOptions;
  readonly #backoff: Backoff;
  #retry: Timer | null = null;
  #isSending = false;
  #isOpen = false;
  #isClosed = false;
  #isConnected = false;
  #holdCount = 0;
  #backCount = 0;

  constructor(options: RequestOutputOptions) {
    this.#options = options;
    this.#backoff = createBackoff({ random: options.random, firstMs: RETRY_FIRST_MS, maxMs: RETRY_MS_MAX });
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get isHeld(): boolean {
    return this.#holdCount > 0;
  }

  get reconnectCount(): number {
    return Math.max(0, this.#backCount - 1);
  }

  waitingNumbers(): Iterable<number> {
    return this.line.numbers();
  }

  open(): void {
    this.#isOpen = true;
    void this.#sendAll();
  }

  send(message: OutgoingMessage): void {
    this.line.push(message);
    void this.#sendAll();
  }

  hold(): void {
    this.#holdCount++;
    this.#isConnected = false;
  }

  resume(): void {
    if (this.#holdCount === 0) return;
    this.#holdCount--;
    void this.#sendAll();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    return Promise.resolve();
  }

  /** Sends the first of the line. How long to wait before the next request; 0: not at all. */
  protected abstract request(): Promise<number>;

  protected get isClosed(): boolean {
    return this.#isClosed;
  }

  protected answered(isConnected: boolean): void {
    if (!this.#isConnected) this.#backCount++;
    this.#isConnected = isConnected;
    this.#backoff.reset();
    this.#options.watch.back(this);
  }

  protected away(reason: string): void {
    this.#isConnected = false;
    if (!this.#isClosed) this.#options.watch.away(this, reason);
  }

  protected retryMs(): number {
    return Math.max(1, this.#backoff.nextMs());
  }

  /** Messages among the first `count` that wait. */
  protected delivered(messages: readonly OutgoingMessage[], count: number): void {
    this.line.dropAmong(new Set(messages), count);
    for (const message of messages) this.#options.onDelivered(message);
  }

  async #sendAll(): Promise<void> {
    if (this.#isSending || this.#retry !== null) return;
    this.#isSending = true;
    // What is said in the same breath goes into one request.
    await Promise.resolve();
    let waitMs = 0;
    while (this.#isOpen && !this.#isClosed && this.#holdCount === 0 && waitMs === 0 && this.line.length > 0)
      waitMs = await this.request();
    this.#isSending = false;
    if (waitMs === 0 || this.#isClosed) return;
    this.#retry = this.#options.clock.after(waitMs, () => {
      this.#retry = null;
      void this.#sendAll();
    });
  }
}
