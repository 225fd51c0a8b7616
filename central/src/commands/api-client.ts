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
