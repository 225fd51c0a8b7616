import {
  createBackoff,
  reasonOf,
  type Backoff,
  type Clock,
  type Random,
  type Timer,
} from "@millrace/runtime";
import { authorizationOf, type Login } from "../../publish/login.ts";
import { post, type PostAnswer } from "../../publish/post.ts";
import type { ReceiverWatch } from "../../publish/receiver-watch.ts";
import type { BusinessRecord, RecordStreamName } from "../business-record.ts";
import type { RecordReceiver } from "./record-receiver.ts";

export interface HttpReceiverOptions {
  /** Each stream is posted to a path of its own below it: `http://host:8080/api/v1/records` of a central. */
  readonly url: string;
  /** Null: it asks nobody who he is. */
  readonly login: Login | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly watch: ReceiverWatch;
}

const RETRY_FIRST_MS = 200;
const RETRY_MS_MAX = 5_000;
const LINES_MAX = 5_000;
const BODY_LENGTH_MAX = 4 * 1_024 * 1_024;

/**
 * Records by POST as JSON lines, one request at a time. Success is delivered; 429 is asked again after its `Retry-After`; what
 * else a receiver refuses (4xx) waiting cannot help; anything else counts as away, and the same lines are sent again, though
 * they may have come. Tombstones have no line.
 */
export class HttpReceiver implements RecordReceiver {
  readonly #options: HttpReceiverOptions;
  readonly #backoff: Backoff;
  readonly #closing = new AbortController();
  #againMax = 0;

  constructor(options: HttpReceiverOptions) {
    this.#options = options;
    this.#backoff = createBackoff({ random: options.random, firstMs: RETRY_FIRST_MS, maxMs: RETRY_MS_MAX });
  }

  get againMax(): number {
    return this.#againMax;
  }

  open(): Promise<null> {
    return Promise.resolve(null);
  }

  async send(records: readonly BusinessRecord[]): Promise<void> {
    const streams = new Map<RecordStreamName, string[]>();
    for (const { topic, json } of records) {
      if (json === null) continue;
      const lines = streams.get(topic);
      if (lines === undefined) streams.set(topic, [json]);
      else lines.push(json);
    }
    for (const [stream, lines] of streams)
      for (let from = 0; from < lines.length;) {
        const to = endOfRequest(lines, from);
        await this.#deliver(stream, lines.slice(from, to));
        from = to;
      }
  }

  close(): Promise<void> {
    this.#closing.abort(new Error("it was closed"));
    return Promise.resolve();
  }

  async #deliver(stream: RecordStreamName, lines: readonly string[]): Promise<void> {
    const body = `${lines.join("\n")}\n`;
    for (;;) {
      this.#closing.signal.throwIfAborted();
      const waitMs = await this.#post(stream, body, lines.length);
      if (waitMs === 0) return;
      await this.#wait(waitMs);
    }
  }

  /** How long to wait before it is sent again; 0: it is delivered. */
  async #post(stream: RecordStreamName, body: string, lineCount: number): Promise<number> {
    const { url, login, watch } = this.#options;
    const closing = this.#closing.signal;
    let answer: PostAnswer;
    try {
      answer = await post(`${url.replace(/\/+$/, "")}/${stream}`, {
        type: "application/x-ndjson",
        body,
        authorization: authorizationOf(login),
        signal: closing,
      });
    } catch (error) {
      closing.throwIfAborted();
      if (!isRefusedConnection(error)) this.#againMax += lineCount;
      watch.away(this, reasonOf(error));
      return Math.max(1, this.#backoff.nextMs());
    }
    const { status, isOk, text, retryAfterMs } = answer;
    if (isOk) {
      this.#backoff.reset();
      watch.back(this);
      return 0;
    }
    // All of it was refused: there was no room.
    if (status === 429) return retryAfterMs;
    const reason = `it answered ${status}: ${text.slice(0, 200)}`;
    if (status === 401 || status === 403)
      throw new Error(`cannot post ${stream}: ${reason}; --http-token-file says who the simulator is`);
    if (status === 404) throw new Error(`cannot post ${stream}: ${reason}; --streams says which are sent`);
    if (status >= 400 && status < 500) throw new Error(`cannot post ${stream} to ${url}: ${reason}`);
    this.#againMax += lineCount;
    watch.away(this, reason);
    return Math.max(1, this.#backoff.nextMs());
  }

  async #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer: Timer = this.#options.clock.after(ms, resolve);
    this.#closing.signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    timer.cancel();
  }
}

/** As many lines as one request may hold, one at least. */
function endOfRequest(lines: readonly string[], from: number): number {
  let length = 0;
  let to = from;
  for (; to < lines.length && to - from < LINES_MAX; to += 1) {
    length += lines[to].length + 1;
    if (to > from && length > BODY_LENGTH_MAX) break;
  }
  return to;
}

/** Nothing was sent. */
function isRefusedConnection(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : null;
  return cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED";
}
