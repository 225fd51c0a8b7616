import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { HttpInputConfig } from "@millrace/config";
import { type Clock, type Logger, toListenError } from "@millrace/runtime";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { InputHandler, InputStatus, ReadingInput } from "../input.ts";
import type { Junk } from "../junk.ts";
import { bodyLines } from "./body-lines.ts";
import type { BodyPayload } from "./body-payload.ts";
import { deliver, type DeliveryReport } from "./delivery.ts";
import { HttpSlots } from "./http-slots.ts";
import { influxLines, nsOfPrecision, PRECISION_NAMES } from "./influx-lines.ts";
import { loginOf } from "./http-login.ts";
import type { EvidenceBounds } from "../../evidence/evidence-topics.ts";

export interface HttpInputOptions extends HttpInputConfig {
  readonly name: string;
  /** A greater payload (a line) is handed over as oversized. */
  readonly payloadBytesMax: number;
  /** Topics whose payloads may be greater. */
  readonly evidence?: EvidenceBounds;
  /** Why the store takes no writes now; null while it does. */
  failure(): string | null;
  /** Takes the first bytes of bodies that are too large. */
  setAside?(junk: Junk): void;
  /** Of a whole request, headers and body. Default 30 s. */
  readonly requestTimeoutMs?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 60_000;
const HEADER_BYTES_MAX = 16 * 1024;
const HEADERS_MAX = 100;
const TOPIC_BYTES_MAX = 65_535;
/** A request that has waited for the disk for so long says that commits fall behind. */
const BEHIND_MS = 2_000;
const RETRY_AFTER_S = 5;

const HINT =
  "post lines or JSON to /topics/<topic>, line protocol to /write or /api/v2/write; /ping and /health answer";
const TYPES = "application/json (one payload), application/x-ndjson or text/plain (one a line)";

const unpack = promisify<Buffer, { readonly maxOutputLength: number }, Buffer>(gunzip);

/**
 * Readings over HTTP: payloads by topic (`POST /topics/…`) and InfluxDB's line protocol, as Telegraf sends it
 * (`POST /write`, `POST /api/v2/write`). An answer of success means durable; what was rejected is listed.
 */
export class HttpInput implements ReadingInput {
  readonly name: string;
  readonly #options: HttpInputOptions;
  readonly #slots: HttpSlots;
  readonly #counts = { requests: 0, partly_taken: 0, lines: 0, bytes: 0 };
  readonly #partlyTaken = new WeakSet<FastifyReply>();
  readonly #rejected = new Map<string, number>();
  readonly #refused = new Map<number, number>();
  /** Where nothing tells how long it will be. */
  readonly #bodyHeads = new WeakMap<FastifyRequest, Buffer>();
  #handler: InputHandler | null = null;
  #server: FastifyInstance | null = null;

  constructor(options: HttpInputOptions) {
    this.name = options.name;
    this.#options = options;
    this.#slots = new HttpSlots(options);
  }

  /** The port in use; for `port: 0`. */
  get port(): number {
    const address = this.#server?.server.address();
    return typeof address === "object" && address !== null ? address.port : this.#options.port;
  }

  async start(handler: InputHandler): Promise<void> {
    const { host, port } = this.#options;
    this.#handler = handler;
    try {
      const server = await this.#createServer();
      await server.listen({ host, port });
      this.#server = server;
    } catch (error) {
      throw toListenError(error, {
        host,
        port,
        purpose: "readings over HTTP",
        setting: "`inputs.http.port` in agent.yaml",
      });
    }
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    await server?.close();
    this.#handler = null;
  }

  status(): InputStatus {
    const isConnected = this.#server !== null;
    return {
      name: this.name,
      isConnected,
      reason: isConnected ? null : "not running",
      counts: {
        ...this.#counts,
        working: this.#slots.count,
        ...Object.fromEntries([...this.#rejected].map(([reason, count]) => [`rejected.${reason}`, count])),
        ...Object.fromEntries([...this.#refused].map(([status, count]) => [`refused.${status}`, count])),
      },
    };
  }

  /** Loaded where it is needed: fastify is megabytes of memory, and most gateways take no readings over HTTP. */
  async #createServer(): Promise<FastifyInstance> {
    const { fastify } = await import("fastify");
    const { tls, clientsMax, bodyBytesMax, requestTimeoutMs = REQUEST_TIMEOUT_MS } = this.#options;
    const limits: ServerOptions = {
      requestTimeout: requestTimeoutMs,
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
      keepAliveTimeout: IDLE_TIMEOUT_MS,
      connectionsCheckingInterval: Math.min(1_000, requestTimeoutMs / 2),
      maxHeaderSize: HEADER_BYTES_MAX,
    };
    const app = fastify({
      forceCloseConnections: true,
      bodyLimit: bodyBytesMax,
      serverFactory: (answer): Server => {
        const server =
          tls === null ? createServer(limits, answer) : createTlsServer({ ...limits, ...tls }, answer);
        server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
          if (!isTooLarge(request, bodyBytesMax)) response.writeContinue();
          answer(request, response);
        });
        server.maxConnections = clientsMax;
        server.maxHeadersCount = HEADERS_MAX;
        server.setTimeout(IDLE_TIMEOUT_MS);
        server.on("drop", () => this.#countRefused(503));
        return server;
      },
    });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    app.setNotFoundHandler((_request, reply) => refuse(reply, 404, `there is no such path; ${HINT}`));
    app.setErrorHandler((error, request, reply) => this.#onError(error, request, reply));
    app.addHook("preParsing", (request, _reply, body, done) => {
      // What is known to be too large is not read: its beginning waits in its stream.
      if (request.headers["content-length"] === undefined)
        body.once("data", (chunk: Buffer) => this.#bodyHeads.set(request, chunk));
      done(null, body);
    });
    app.addHook("onResponse", async (_request, reply) => {
      if (reply.statusCode >= 400 && !this.#partlyTaken.has(reply)) this.#countRefused(reply.statusCode);
    });
    this.#addRoutes(app);
    return app;
  }

  #addRoutes(app: FastifyInstance): void {
    app.get("/ping", (_request, reply) =>
      reply.code(204).headers({ "x-influxdb-version": "1.8.0", "x-influxdb-build": "millrace" }).send(),
    );
    app.get("/health", (_request, reply) => {
      const failure = this.#options.failure();
      return reply.code(failure === null ? 200 : 503).send({
        name: "millrace-agent",
        status: failure === null ? "pass" : "fail",
        message: failure ?? "ready for writes",
      });
    });
    const guarded = {
      onRequest: async (request: FastifyRequest, reply: FastifyReply) => this.#admit(request, reply),
    };
    app.post("/topics/*", guarded, (request, reply) => this.#onTopic(request, reply));
    app.post("/write", guarded, (request, reply) => this.#onWrite(request, reply));
    app.post("/api/v2/write", guarded, (request, reply) => this.#onWrite(request, reply));
    // What Telegraf's first version of the output asks for before it writes.
    app.post("/query", guarded, async (request, reply) => {
      const asked = `${request.url} ${(await this.#body(request)).toString()}`;
      return /CREATE(\+|%20| )DATABASE/i.test(asked)
        ? reply.send({ results: [{ statement_id: 0 }] })
        : refuse(reply, 400, `only CREATE DATABASE is understood here; ${HINT}`);
    });
  }

  /** Before the body is read: who it is, and whether there is room. */
  #admit(request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined {
    const { users, failure } = this.#options;
    this.#counts.requests += 1;
    const user = loginOf(request.headers.authorization, users);
    if (users.length > 0 && user === undefined) {
      void reply.header("www-authenticate", 'Basic realm="millrace"');
      return refuse(reply, 401, "give a user and password (Basic) or a token (Bearer) of inputs.http.users");
    }
    // A page of anybody's must not post from the browser of somebody on this machine.
    if (users.length === 0 && request.headers.origin !== undefined)
      return refuse(reply, 403, "web pages may not post here; list users in inputs.http.users");
    const storeFailure = failure();
    if (storeFailure !== null) return this.#tryLater(reply, `the store takes no writes: ${storeFailure}`);
    if (this.#slots.waitingMs(this.#options.clock.monotonicMs()) > BEHIND_MS)
      return this.#tryLater(reply, "the disk is slower than what comes in");
    const isAdmitted = this.#slots.admit(request.id, user ?? request.ip, reply.raw);
    return isAdmitted ? undefined : this.#tryLater(reply, "too many requests are being worked on");
  }

  async #onTopic(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const topic = topicOf(request);
    if (topic === undefined)
      return refuse(reply, 400, `this is no topic; it must not be empty, begin with $ or have + or #`);
    const type = (request.headers["content-type"] ?? "").split(";", 1)[0].trim().toLowerCase();
    if (!["application/json", "application/x-ndjson", "text/plain"].includes(type))
      return refuse(reply, 415, `Content-Type is ${type === "" ? "missing" : type}; it must be ${TYPES}`);
    const body = await this.#body(request);
    const payloads =
      type === "application/json" ? [{ line: 1, topic, payload: body }] : bodyLines(body, topic);
    const report = await this.#deliver(request, payloads);
    if (report.failure !== null || report.rejected > 0) return this.#refuseSome(reply, report);
    return reply.send({ taken: report.taken, rejected: 0 });
  }

  async #onWrite(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const precision = new URL(request.url, "http://agent").searchParams.get("precision") ?? "ns";
    const nsPerUnit = nsOfPrecision(precision);
    if (nsPerUnit === undefined)
      return refuse(reply, 400, `precision is ${precision}; it must be one of ${PRECISION_NAMES.join(", ")}`);
    const body = await this.#body(request);
    const report = await this.#deliver(request, influxLines(body, nsPerUnit));
    if (report.failure !== null || report.rejected > 0) return this.#refuseSome(reply, report);
    return reply.code(204).send();
  }

  /** Unpacked; throws a HttpRefusal. */
  async #body(request: FastifyRequest): Promise<Buffer> {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    this.#counts.bytes += body.length;
    const encoding = (request.headers["content-encoding"] ?? "identity").toLowerCase();
    if (encoding === "identity") return body;
    if (encoding !== "gzip")
      throw new HttpRefusal(415, `Content-Encoding is ${encoding}; it must be gzip, or left out`);
    const { bodyBytesMax } = this.#options;
    try {
      return await unpack(body, { maxOutputLength: bodyBytesMax });
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE")
        throw new HttpRefusal(413, `the body has over ${bodyBytesMax} bytes when unpacked; send fewer lines`);
      throw new HttpRefusal(400, "the body is not gzip, or not all of it");
    }
  }

  async #deliver(request: FastifyRequest, payloads: Iterable<BodyPayload>): Promise<DeliveryReport> {
    const { users, clock, payloadBytesMax, evidence, failure } = this.#options;
    const handler = this.#handler;
    if (handler === null) throw new HttpRefusal(503, "the agent is stopping");
    const report = await this.#slots.during(request.id, () =>
      deliver(payloads, {
        handler,
        client: loginOf(request.headers.authorization, users) ?? request.ip,
        payloadBytesMax,
        evidence,
        clock,
        failure,
        onRejected: (reason) => this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + 1),
        onWaiting: (isWaiting) =>
          this.#slots.setWaiting(request.id, isWaiting ? clock.monotonicMs() : undefined),
      }),
    );
    this.#counts.lines += report.taken + report.rejected;
    return report;
  }

  /** "partial write" is how Telegraf knows that a batch is not to be sent again. */
  #refuseSome(reply: FastifyReply, report: DeliveryReport): FastifyReply {
    const { failure, ...counts } = report;
    if (failure !== null)
      return this.#tryLater(reply, `${report.taken} taken; send again what follows: ${failure}`, counts);
    if (report.taken > 0) {
      this.#partlyTaken.add(reply);
      this.#counts.partly_taken += 1;
    }
    const [{ line, reason, detail }] = report.rejections;
    const total = report.taken + report.rejected;
    const message = `partial write: ${report.rejected} of ${total} rejected dropped=${report.rejected}; the first: line ${line}, ${reason}: ${detail}`;
    return refuse(reply, 400, message, counts);
  }

  #tryLater(reply: FastifyReply, message: string, counts: object = {}): FastifyReply {
    void reply.header("retry-after", RETRY_AFTER_S);
    return refuse(reply, 429, message, counts);
  }

  #onError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    if (error instanceof HttpRefusal) {
      if (error.status === 413) this.#setAside(request, error.message);
      return refuse(reply, error.status, error.message);
    }
    if (hasStatus(error) && error.statusCode === 413) {
      const { bodyBytesMax } = this.#options;
      const detail = `the body has over ${bodyBytesMax} bytes; send fewer lines, or raise bodyBytesMax`;
      this.#setAside(request, detail);
      readPast(request, reply);
      return refuse(reply, 413, detail);
    }
    if (hasStatus(error) && error.statusCode < 500) return refuse(reply, error.statusCode, error.message);
    this.#options.log.repeated("http_error", "cannot answer a request", { error });
    return refuse(reply, 500, "the agent's log says more");
  }

  /** Of a body that is too large, what has come of it; nothing where it is still on its way. */
  #setAside(request: FastifyRequest, detail: string): void {
    const { users, setAside } = this.#options;
    const { authorization, "content-length": length } = request.headers;
    const waiting: unknown = Buffer.isBuffer(request.body) ? request.body : request.raw.read();
    const head = this.#bodyHeads.get(request) ?? (Buffer.isBuffer(waiting) ? waiting : Buffer.alloc(0));
    setAside?.({
      reason: "oversized_body",
      topic: topicOf(request) ?? "",
      client: loginOf(authorization, users) ?? request.ip,
      detail,
      head,
      bytes: Number(length ?? head.length),
    });
  }

  #countRefused(status: number): void {
    this.#refused.set(status, (this.#refused.get(status) ?? 0) + 1);
  }
}

class HttpRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

function isTooLarge({ headers }: IncomingMessage, bodyBytesMax: number): boolean {
  return Number(headers["content-length"] ?? 0) > bodyBytesMax;
}

/**
 * Fastify would close the connection of a body that is too large, and the reset that comes of what was not read could reach the sender
 * before the answer does. So the rest is read past, for as long as a request may take; whoever waits for leave sends none.
 */
function readPast(request: FastifyRequest, reply: FastifyReply): void {
  if (request.headers.expect !== undefined) return;
  reply.removeHeader("connection");
  request.raw.resume();
}

/** `error` is where InfluxDB 1 has it, `code` and `message` where InfluxDB 2 has them. */
function refuse(reply: FastifyReply, status: number, message: string, more: object = {}): FastifyReply {
  return reply.code(status).send({ error: message, code: CODES.get(status) ?? "invalid", message, ...more });
}

const CODES: ReadonlyMap<number, string> = new Map([
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "not found"],
  [413, "request too large"],
  [429, "too many requests"],
  [500, "internal error"],
  [503, "unavailable"],
]);

function topicOf({ params }: FastifyRequest): string | undefined {
  const topic: unknown = typeof params === "object" && params !== null && "*" in params ? params["*"] : "";
  if (typeof topic !== "string" || topic === "" || topic.startsWith("$")) return undefined;
  return /[+#\0]/.test(topic) || Buffer.byteLength(topic) > TOPIC_BYTES_MAX ? undefined : topic;
}

function hasStatus(error: unknown): error is Error & { readonly statusCode: number } {
  return error instanceof Error && "statusCode" in error && typeof error.statusCode === "number";
}
