import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import { reasonOf } from "@millrace/runtime";

export interface JsonRequest {
  readonly headers: IncomingHttpHeaders;
  /** What its JSON says; undefined where none was asked for. */
  readonly body: unknown;
}

export interface JsonAnswer {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: OutgoingHttpHeaders;
  /** A text goes as it is, all else as JSON. */
  readonly body: unknown;
}

export type JsonRoute = (request: JsonRequest) => JsonAnswer | Promise<JsonAnswer>;

export interface JsonServerOptions {
  /** By method and path: `POST /reload`. What may be got is told to HEAD too. */
  readonly routes: ReadonlyMap<string, JsonRoute>;
  /** What is answered to a request at once, before its body is read; null where it may come in. */
  refusal(request: Pick<IncomingMessage, "method" | "headers">): JsonAnswer | null;
}

const BODY_BYTES_MAX = 16 * 1024;

/** A handful of routes over HTTP, JSON in and out: for so few a framework would be megabytes of a gateway's memory. */
export class JsonServer {
  readonly #options: JsonServerOptions;
  readonly #server: Server;

  constructor(options: JsonServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Rejects where the address cannot be had. */
  listen({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(port, host, () => {
      this.#server.off("error", reject);
      resolve();
    });
    return promise;
  }

  /** Whoever is connected is cut off. */
  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    return promise;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(request).catch((error: unknown) => refused(500, reasonOf(error)));
    const { status = 200, headers = {}, body } = answer;
    const [type, text] =
      typeof body === "string" ? ["text/plain", body] : ["application/json", JSON.stringify(body)];
    response.writeHead(status, {
      "content-type": `${type}; charset=utf-8`,
      "content-length": Buffer.byteLength(text),
      ...headers,
    });
    response.end(text);
  }

  async #answer(request: IncomingMessage): Promise<JsonAnswer> {
    const refusal = this.#options.refusal(request);
    if (refusal !== null) return refusal;
    const { method = "", url = "", headers } = request;
    const path = url.split("?", 1)[0];
    const route = this.#options.routes.get(`${method === "HEAD" ? "GET" : method} ${path}`);
    if (route === undefined) return refused(404, `there is no ${method} ${path}`);
    if (method !== "POST") return route({ headers, body: undefined });
    const text = await textOf(request);
    if (text === null) return refused(413, `the body has over ${BODY_BYTES_MAX} bytes`);
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      return refused(400, "the body is not JSON");
    }
    return route({ headers, body });
  }
}

function refused(status: number, error: string): JsonAnswer {
  return { status, body: { error } };
}

/** Null: it is too large. */
async function textOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Otherwise there would be no connection left to answer on.
  const parts: AsyncIterable<unknown> = request.iterator({ destroyOnReturn: false });
  for await (const part of parts) {
    if (!Buffer.isBuffer(part)) continue;
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) {
      // The rest is read past, so that the answer finds its reader.
      request.resume();
      return null;
    }
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString();
}
