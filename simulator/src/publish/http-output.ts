import {
  createBackoff,
  reasonOf,
  type Backoff,
  type Clock,
  type Random,
  type Timer,
} from "@millrace/runtime";
import { z } from "zod";
import { authorizationOf, type Login } from "./login.ts";
import type { OutgoingMessage } from "./outgoing-message.ts";
import type { Output } from "./output.ts";
import { post } from "./post.ts";
import type { ReceiverWatch } from "./receiver-watch.ts";
import { WaitingLine } from "./waiting-line.ts";

export interface HttpOutputOptions {
  /** `http://host:port` of an agent's HTTP input. */
  readonly url: string;
  /** Null: it asks nobody who he is. */
  readonly login: Login | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly watch: ReceiverWatch;
  readonly onDelivered: (message: OutgoingMessage) => void;
}

const RETRY_FIRST_MS = 200;
const RETRY_MS_MAX = 5_000;
const LINES_MAX = 1_000;
const BODY_BYTES_MAX = 512 * 1_024;

const answerSchema = z.object({ taken: z.number().default(0), rejected: z.number().default(0) });

/** One request: messages that follow one another and go to the same path. */
interface Request {
  readonly path: string;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly messages: readonly OutgoingMessage[];
}

/**
 * Messages by POST, in order and one request at a time: lines of one topic together, line protocol of all topics. What is
 * answered with success, or rejected by the line, is delivered; 429 is asked again after its `Retry-After`, from the first
 * line that was not taken; anything else counts as a receiver that is away.
 */
export class HttpOutput implements Output {
  readonly #options: HttpOutputOptions;
  readonly #line = new WaitingLine();
  readonly #backoff: Backoff;
  #retry: Timer | null = null;
  #isSending = false;
  #isOpen = false;
  #isClosed = false;
  #isConnected = false;
  #holdCount = 0;
  #backCount = 0;

  constructor(options: HttpOutputOptions) {
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
    return this.#line.numbers();
  }

  open(): void {
    this.#isOpen = true;
    void this.#sendAll();
  }

  send(message: OutgoingMessage): void {
    this.#line.push(message);
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

  async #sendAll(): Promise<void> {
    if (this.#isSending || this.#retry !== null) return;
    this.#isSending = true;
    // What is said in the same breath goes into one request.
    await Promise.resolve();
    let waitMs = 0;
    while (this.#isOpen && !this.#isClosed && this.#holdCount === 0 && waitMs === 0 && this.#line.length > 0)
      waitMs = await this.#post(nextRequest(this.#line.first(LINES_MAX)));
    this.#isSending = false;
    if (waitMs === 0 || this.#isClosed) return;
    this.#retry = this.#options.clock.after(waitMs, () => {
      this.#retry = null;
      void this.#sendAll();
    });
  }

  /** How long to wait before the next request; 0: not at all. */
  async #post({ path, type, body, messages }: Request): Promise<number> {
    const { url, login, watch } = this.#options;
    try {
      const authorization = authorizationOf(login);
      const { status, isOk, text, retryAfterMs } = await post(url + path, { type, body, authorization });
      if (this.#isClosed) return 0;
      const { taken, rejected } = answerOf(text);
      // A bad line is counted there as rejected; to send it again would not make it better.
      if (isOk || (status === 400 && taken + rejected > 0)) {
        if (!this.#isConnected) this.#backCount++;
        this.#isConnected = true;
        this.#backoff.reset();
        watch.back(this);
        this.#delivered(messages);
        return 0;
      }
      if (status === 429) {
        this.#delivered(messages.slice(0, taken + rejected));
        return retryAfterMs;
      }
      throw new Error(`it answered ${status}: ${text.slice(0, 200)}`);
    } catch (error) {
      this.#isConnected = false;
      if (!this.#isClosed) watch.away(this, reasonOf(error));
      return Math.max(1, this.#backoff.nextMs());
    }
  }

  #delivered(messages: readonly OutgoingMessage[]): void {
    this.#line.drop(messages.length);
    for (const message of messages) this.#options.onDelivered(message);
  }
}

/** As many of the first messages as one request may hold. */
function nextRequest(waiting: readonly OutgoingMessage[]): Request {
  const [first] = waiting;
  const path = pathOf(first);
  if (typeof first.payload !== "string") {
    // Not lines: a waveform, or bytes that are no text.
    return { path, type: "application/json", body: first.payload, messages: [first] };
  }
  const messages: OutgoingMessage[] = [];
  const lines: string[] = [];
  let length = 0;
  for (const message of waiting) {
    const { payload } = message;
    if (typeof payload !== "string" || pathOf(message) !== path) break;
    length += payload.length + 1;
    if (lines.length > 0 && length > BODY_BYTES_MAX) break;
    messages.push(message);
    lines.push(payload);
  }
  return { path, type: "application/x-ndjson", body: `${lines.join("\n")}\n`, messages };
}

function pathOf({ topic }: OutgoingMessage): string {
  if (topic.endsWith("/influx")) return "/write";
  return `/topics/${topic.split("/").map(encodeURIComponent).join("/")}`;
}

function answerOf(text: string): z.infer<typeof answerSchema> {
  try {
    return answerSchema.parse(JSON.parse(text));
  } catch {
    return { taken: 0, rejected: 0 };
  }
}
