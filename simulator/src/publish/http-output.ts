import { reasonOf } from "@millrace/runtime";
import { z } from "zod";
import { authorizationOf, type Login } from "./login.ts";
import type { OutgoingMessage } from "./outgoing-message.ts";
import { post } from "./post.ts";
import { RequestOutput, type RequestOutputOptions } from "./request-output.ts";

export interface HttpOutputOptions extends RequestOutputOptions {
  /** `http://host:port` of an agent's HTTP input. */
  readonly url: string;
  /** Null: it asks nobody who he is. */
  readonly login: Login | null;
}

const LINES_MAX = 1_000;
/** Among so many of those that wait, what goes together is looked for. */
const LOOKED_AT_MAX = 10_000;
const BODY_BYTES_MAX = 512 * 1_024;

const answerSchema = z.object({ taken: z.number().default(0), rejected: z.number().default(0) });

/** One request: messages that go to the same path, in their order. */
interface Request {
  readonly path: string;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly messages: readonly OutgoingMessage[];
}

/**
 * Messages by POST, one request at a time: all lines of a topic that wait together, in their order, of line protocol those of all topics. What is
 * answered with success, or rejected by the line, is delivered; 429 is asked again after its `Retry-After`, from the first
 * line that was not taken; anything else counts as a receiver that is away.
 */
export class HttpOutput extends RequestOutput {
  readonly #options: HttpOutputOptions;

  constructor(options: HttpOutputOptions) {
    super(options);
    this.#options = options;
  }

  protected override async request(): Promise<number> {
    const { url, login } = this.#options;
    const waiting = this.line.first(LOOKED_AT_MAX);
    const { path, type, body, messages } = nextRequest(waiting);
    try {
      const authorization = authorizationOf(login);
      const { status, isOk, text, retryAfterMs } = await post(url + path, { type, body, authorization });
      if (this.isClosed) return 0;
      const { taken, rejected } = answerOf(text);
      // A bad line is counted there as rejected; to send it again would not make it better.
      if (isOk || (status === 400 && taken + rejected > 0)) {
        this.answered(true);
        this.delivered(messages, waiting.length);
        return 0;
      }
      if (status === 429) {
        this.delivered(messages.slice(0, taken + rejected), waiting.length);
        return retryAfterMs;
      }
      throw new Error(`it answered ${status}: ${text.slice(0, 200)}`);
    } catch (error) {
      this.away(reasonOf(error));
      return this.retryMs();
    }
  }
}

/** The first message, and as many as one request may hold of those that go where it goes. */
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
    const goesAlong = message.topic === first.topic || (isInflux(first) && isInflux(message));
    if (!goesAlong) continue;
    if (typeof payload !== "string" || lines.length === LINES_MAX) break;
    length += payload.length + 1;
    if (lines.length > 0 && length > BODY_BYTES_MAX) break;
    messages.push(message);
    lines.push(payload);
  }
  return { path, type: "application/x-ndjson", body: `${lines.join("\n")}\n`, messages };
}

function isInflux({ topic }: OutgoingMessage): boolean {
  return topic.endsWith("/influx");
}

function pathOf(message: OutgoingMessage): string {
  const { topic } = message;
  if (isInflux(message)) return "/write";
  return `/topics/${topic.split("/").map(encodeURIComponent).join("/")}`;
}

function answerOf(text: string): z.infer<typeof answerSchema> {
  try {
    return answerSchema.parse(JSON.parse(text));
  } catch {
    return { taken: 0, rejected: 0 };
  }
}
