import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { CentralConfig } from "@millrace/config";
import { MillraceError, reasonOf, urlHost } from "@millrace/runtime";
import { readOwnToken } from "../api/own-token.ts";

const ANSWER_TIMEOUT_MS = 5_000;
/** Nothing more comes of what is being sent. */
const STREAM_SILENT_MS_MAX = 60_000;

/** Asks the running central that a configuration describes, as this machine. Rejects with `service_unreachable` where nobody answers. */
export class ApiClient {
  readonly #url: string;
  readonly #dataFolder: string;
  readonly #certificate: string | null;

  constructor({ http, dataFolder }: Pick<CentralConfig, "http" | "dataFolder">) {
    const { host, port, tls } = http;
    const reachable = host === "0.0.0.0" || host === "::" ? "localhost" : urlHost(host);
    this.#url = `${tls === null ? "http" : "https"}://${reachable}:${port}`;
    this.#dataFolder = dataFolder;
    this.#certificate = tls?.cert ?? null;
  }

  /** The answer's status and JSON. */
  async ask(
    path: string,
    method: "GET" | "POST" = "GET",
    { body, limitMs = ANSWER_TIMEOUT_MS }: { readonly body?: object; readonly limitMs?: number } = {},
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const url = this.#url + path;
    try {
      const response = await this.#send(url, {
        method,
        signal: AbortSignal.timeout(limitMs),
        body: body === undefined ? null : JSON.stringify(body),
      });
      return { status: response.statusCode ?? 0, body: await bodyOf(response) };
    } catch (error) {
      throw new MillraceError("service_unreachable", { url, reason: reasonOf(error) }, { cause: error });
    }
  }

  /** What it sends as it comes; null where nobody answers at the address. Rejects with `service_refused`. */
  async stream(path: string): Promise<AsyncIterable<Uint8Array> | null> {
    const url = this.#url + path;
    const response = await this.#send(url, { method: "POST", body: null }).catch(() => null);
    if (response === null) return null;
    if (response.statusCode === 200) return response;
    throw refused(url, response.statusCode, await bodyOf(response).catch(() => null));
  }

  /** The answer where it is one. Rejects with `service_refused` too. */
  async get<Answer>(path: string): Promise<Answer> {
    const { status, body } = await this.ask(path);
    if (status !== 200) throw refused(this.#url + path, status, body);
    const answer: Answer = JSON.parse(JSON.stringify(body));
    return answer;
  }

  #send(
    url: string,
    options: { readonly method: string; readonly body: string | null; readonly signal?: AbortSignal },
  ): Promise<IncomingMessage> {
    const { body, ...how } = options;
    const token = readOwnToken(this.#dataFolder);
    const shared = {
      ...how,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === null ? {} : { "content-type": "application/json" }),
      },
    };
    return new Promise((resolve, reject) => {
      // The configured certificate is trusted as it is, whatever name it is for: nobody else has its key.
      const sent =
        this.#certificate === null
          ? httpRequest(url, shared, resolve)
          : httpsRequest(
              url,
              {
                ...shared,
                ca: this.#certificate,
                allowPartialTrustChain: true,
                checkServerIdentity: () => undefined,
              },
              resolve,
            );
      sent.on("error", reject);
      sent.setTimeout(STREAM_SILENT_MS_MAX, () => sent.destroy(new Error("nothing more comes of it")));
      sent.end(body ?? undefined);
    });
  }
}

async function bodyOf(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  return JSON.parse(Buffer.concat(chunks).toString());
}

/** What an answer that is a problem says of it. */
export function detailOf(body: unknown): string | undefined {
  return typeof body === "object" && body !== null && "detail" in body ? String(body.detail) : undefined;
}

function refused(url: string, status: number | undefined, body: unknown): MillraceError {
  const said = detailOf(body) ?? "it says no more";
  const reason =
    status === 401
      ? "it wants a login: this user may not read api.token in central's data folder, or it is another central"
      : said;
  return new MillraceError("service_refused", { url, status: status ?? 0, reason });
}
