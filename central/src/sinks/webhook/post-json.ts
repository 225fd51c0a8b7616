import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { ClientTls } from "@millrace/config";

/** Of an answer, for people. */
const ANSWER_CHARS_MAX = 300;

export interface PostOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: ClientTls | null;
  readonly timeoutMs: number;
  /** Ends it at once. */
  readonly signal: AbortSignal;
}

export interface PostAnswer {
  readonly status: number;
  /** `Retry-After` as it came; null without. */
  readonly retryAfter: string | null;
  /** How it begins. */
  readonly text: string;
}

/** One POST over a connection of its own, whatever the answer; rejects where none came within the time. */
export function postJson(body: unknown, options: PostOptions): Promise<PostAnswer> {
  const { url, headers, tls, timeoutMs, signal } = options;
  const bytes = Buffer.from(JSON.stringify(body));
  const ending = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  return new Promise((resolve, reject) => {
    const request = (url.startsWith("https:") ? requestHttps : requestHttp)(
      url,
      {
        method: "POST",
        agent: false,
        signal: ending,
        headers: { ...headers, "content-type": "application/json", "content-length": bytes.length },
        ...(tls?.ca == null ? {} : { ca: tls.ca }),
        ...(tls?.cert == null || tls.key === null ? {} : { cert: tls.cert, key: tls.key }),
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => {
          if (text.length < ANSWER_CHARS_MAX) text = (text + piece).slice(0, ANSWER_CHARS_MAX);
        });
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfter: response.headers["retry-after"] ?? null,
            text,
          }),
        );
      },
    );
    request.on("error", (error) =>
      reject(ending.aborted && !signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error),
    );
    request.end(bytes);
  });
}
