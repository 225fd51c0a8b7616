import type { CentralConfig } from "@millrace/config";
import { MillraceError, reasonOf } from "@millrace/runtime";

const ANSWER_TIMEOUT_MS = 5_000;

/** Asks the running central that a configuration describes. Rejects with `service_unreachable`. */
export class ApiClient {
  readonly #url: string;

  constructor(config: Pick<CentralConfig, "http">) {
    const { host, port } = config.http;
    const reachable =
      host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
    this.#url = `http://${reachable}:${port}`;
  }

  /** The answer's status and JSON. */
  async ask(
    path: string,
    method: "GET" | "POST" = "GET",
    { body, limitMs = ANSWER_TIMEOUT_MS }: { readonly body?: object; readonly limitMs?: number } = {},
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const url = this.#url + path;
    try {
      const sent =
        body === undefined
          ? {}
          : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
      const response = await fetch(url, { method, ...sent, signal: AbortSignal.timeout(limitMs) });
      return { status: response.status, body: await response.json() };
    } catch (error) {
      throw new MillraceError("service_unreachable", { url, reason: reasonOf(error) }, { cause: error });
    }
  }

  /** What it sends as it comes; null where nobody answers at the address. Rejects with `service_unreachable` where it refuses. */
  async stream(path: string): Promise<AsyncIterable<Uint8Array> | null> {
    const url = this.#url + path;
    const response = await fetch(url, { method: "POST" }).catch(() => null);
    if (response === null) return null;
    if (response.status === 200 && response.body !== null) return response.body;
    throw new MillraceError("service_unreachable", {
      url,
      reason: `it answered ${await refusalOf(response)}`,
    });
  }

  /** The answer where it is one, or `service_unreachable` with what went wrong. */
  async get<Answer>(path: string): Promise<Answer> {
    const { status, body } = await this.ask(path);
    if (status !== 200)
      throw new MillraceError("service_unreachable", {
        url: this.#url + path,
        reason: `it answered ${status}`,
      });
    const answer: Answer = JSON.parse(JSON.stringify(body));
    return answer;
  }
}

async function refusalOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  const isProblem = typeof body === "object" && body !== null && "detail" in body;
  return isProblem ? `${response.status}: ${String(body.detail)}` : String(response.status);
}
