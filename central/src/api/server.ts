import { createServer, maxHeaderSize } from "node:http";
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Server as HttpsServer } from "node:https";
import type { ServerTls } from "@millrace/config";
import { hostRefusal, MillraceError, reasonOf } from "@millrace/runtime";
import type { Clock, GaugeFamily, Logger, Metrics, Random } from "@millrace/runtime";
import Fastify from "fastify";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { SinkView } from "../sinks/sink-view.ts";
import type { Access } from "./access.ts";
import { answerError } from "./answer-error.ts";
import { answerUnrouted } from "./answer-unrouted.ts";
import type { Assets } from "./assets.ts";
import type { CentralReader } from "./central-reader.ts";
import { etag } from "./etag.ts";
import { EventStream } from "./event-stream.ts";
import { GzipPacker } from "./gzip-packer.ts";
import { problem, ProblemError } from "./problem.ts";
import { operationOf } from "./operation-of.ts";
import { representation } from "./representation.ts";
import { RequestsInWork } from "./requests-in-work.ts";
import { requireKeys, requireParameters } from "./required-names.ts";
import { Rights } from "./rights.ts";
import { RouteMethods } from "./route-methods.ts";
import { addAgentRoutes } from "./routes/agent-routes.ts";
import { addAlarmRoutes } from "./routes/alarm-routes.ts";
import { addEvidenceRoutes } from "./routes/evidence-routes.ts";
import { addLedgerRoutes } from "./routes/ledger-routes.ts";
import { addPipelineRoutes } from "./routes/pipeline-routes.ts";
import { addRecordRoutes } from "./routes/record-routes.ts";
import type { RecordTarget } from "./routes/record-routes.ts";
import { addSessionRoutes } from "./routes/session-routes.ts";
import { addStreamRoute } from "./routes/stream-route.ts";
import { addUpkeepRoutes } from "./routes/upkeep-routes.ts";
import { addWindowRoutes } from "./routes/window-routes.ts";
import { SECURITY_HEADERS } from "./security-headers.ts";
import { sendProblem } from "./send-problem.ts";
import { answerUnreadable } from "./unreadable-request.ts";

export interface ApiServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Names that it may be asked by, beside its host, localhost and IP addresses. */
  readonly allowedHosts: readonly string[];
  /** Whether anybody may change something where no login is needed; the commands on this machine may. */
  readonly isControlAllowed: boolean;
  readonly access: Access;
  /** PEM texts; null: plain HTTP. */
  readonly tls: Pick<ServerTls, "cert" | "key"> | null;
  readonly reader: CentralReader;
  readonly records: RecordTarget;
  readonly sinks: () => readonly SinkView[];
  readonly assets: Assets;
  readonly metrics: Metrics;
  /** Brings gauges up to date before they are read. */
  readonly refreshMetrics: () => void;
  /** Of windows, shown behind the metrics. */
  readonly windowGauges: () => readonly GaugeFamily[];
  /** What keeps agents from coming to a central that takes data itself; null: nothing. */
  readonly intakeObstacle: () => string | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** For all of a request to come. */
  readonly requestTimeoutMs?: number;
}

const REQUEST_BYTES_MAX = 65_536;
const CONNECTIONS_MAX = 2_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** How often connections are looked at for requests that do not come to their end. */
const CONNECTIONS_CHECKED_MS = 5_000;
const RETRY_AFTER_S = 1;
/** Answered at once from memory, however many other requests wait: whoever probes restarts what does not answer. */
const PROBES = new Set(["/healthz", "/readyz"]);

/** The API, the dashboard's stream and its files, on one port. */
export class ApiServer {
  readonly #app: FastifyInstance;
  readonly #stream: EventStream;
  readonly #packer = new GzipPacker();
  readonly #routes = new Set<string>();
  readonly #inWork = {
    scrapes: new RequestsInWork(),
    reads: new RequestsInWork(),
    changes: new RequestsInWork(),
  };
  readonly #tlsServers: HttpsServer[] = [];

  private constructor(options: ApiServerOptions) {
    // Server-sent events never end by themselves: without forceCloseConnections they would hang the shutdown.
    this.#app = Fastify({
      logger: false,
      serverFactory: (handler) => this.#newServer(handler, options),
      forceCloseConnections: true,
      bodyLimit: REQUEST_BYTES_MAX,
      clientErrorHandler: answerUnreadable,
      // The id of an alarm names its rule and labels. No longer one fits the head of a request.
      routerOptions: { maxParamLength: maxHeaderSize },
      // What no route is even looked for: a path that cannot be decoded.
      frameworkErrors: (error, _request, reply) => {
        sendProblem(reply.headers(SECURITY_HEADERS), problem("bad_request", reasonOf(error)));
      },
    });
    this.#app.server.maxConnections = CONNECTIONS_MAX;
    this.#stream = new EventStream(options);
    const rights = new Rights(options.access, options.isControlAllowed);
    this.#addHooks(options, rights);
    this.#addRoutes(options, rights);
  }

  /** Listens, or rejects with `port_in_use` or `listen_failed`. */
  static async listen(options: ApiServerOptions): Promise<ApiServer> {
    const server = new ApiServer(options);
    const { host, port } = options;
    try {
      await server.#app.listen({ host, port });
    } catch (error) {
      server.#stream.close();
      const values = { host, port, purpose: "the API", setting: "http.port" };
      if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
        throw new MillraceError("port_in_use", values, { cause: error });
      }
      throw new MillraceError("listen_failed", { ...values, reason: reasonOf(error) }, { cause: error });
    }
    return server;
  }

  get port(): number {
    const address = this.#app.server.address();
    return address === null || typeof address === "string" ? 0 : address.port;
  }

  /** Every route, as `METHOD /path/{parameter}`. */
  get routes(): readonly string[] {
    return [...this.#routes];
  }

  get stream(): EventStream {
    return this.#stream;
  }

  async close(): Promise<void> {
    this.#stream.close();
    await this.#app.close();
  }

  #addHooks({ host, allowedHosts, assets, reader, log }: ApiServerOptions, rights: Rights): void {
    const app = this.#app;
    const packer = this.#packer;
    const methods = new RouteMethods();
    app.addHook("onRoute", ({ method, url }) => {
      if (url === "*") return;
      const path = url.replaceAll(/:(\w+)/g, "{$1}");
      methods.add(String(method), path);
      if (method !== "HEAD") this.#routes.add(`${String(method)} ${path}`);
    });
    app.addHook("onRequest", async (request, reply) => {
      const { headers, routeOptions } = request;
      reply.headers(SECURITY_HEADERS);
      const refusal = hostRefusal(headers.host, [host, ...allowedHosts]);
      if (refusal !== null) throw new ProblemError("unknown_host", refusal);
      this.#begin(request, reply);
      // What is no route of the API are the dashboard's files, which hold nothing of anybody's.
      if (routeOptions.url === undefined) return;
      const operation = rights.require(request);
      // Others than the API's, such as /metrics, are asked by programs with habits of their own.
      if (operation !== undefined && routeOptions.url.startsWith("/api/"))
        requireParameters(request.query, operation);
    });
    app.addHook("preHandler", async (request) => {
      const operation = operationOf(request);
      if (operation !== undefined) requireKeys(request.body, operation);
    });
    app.addHook("onSend", async (request, reply, body) => {
      // What is a stream, or has a tag, its route has chosen.
      const isText = typeof body === "string";
      if ((!isText && !(body instanceof Uint8Array)) || reply.hasHeader("etag")) return body;
      const isKept = (request.method === "GET" || request.method === "HEAD") && reply.statusCode === 200;
      const chosen = await representation(request, reply, {
        tag: isKept ? etag(body) : null,
        bytes: Buffer.byteLength(body),
        // Bytes are a file's.
        pack: () =>
          isText
            ? packer.pack([body], { mayWait: request.routeOptions.url !== "/metrics" })
            : packer.packOnce(body),
      });
      return chosen ?? body;
    });
    app.setErrorHandler((error, _request, reply) => answerError(error, reply, { reader, log }));
    app.setNotFoundHandler((request, reply) => answerUnrouted(request, reply, { assets, methods }));
  }

  /** `localhost` has two addresses, and then there are two servers. */
  #newServer(
    handler: (request: IncomingMessage, response: ServerResponse) => void,
    { tls, requestTimeoutMs = REQUEST_TIMEOUT_MS }: ApiServerOptions,
  ): HttpServer {
    // Fastify's own setting is not for servers that it did not make.
    const limits = {
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(CONNECTIONS_CHECKED_MS, requestTimeoutMs / 2),
    };
    if (tls === null) return createServer(limits, handler);
    const { cert, key } = tls;
    const server = createTlsServer({ ...limits, cert, key, minVersion: "TLSv1.2" }, handler);
    this.#tlsServers.push(server);
    return server;
  }

  /** For connections from now on. */
  renewTls({ cert, key }: Pick<ServerTls, "cert" | "key">): void {
    for (const server of this.#tlsServers) server.setSecureContext({ cert, key, minVersion: "TLSv1.2" });
  }

  /** Each kind has its own room: bodies that come slowly keep nobody from looking, nor do looks keep each other from the metrics. */
  #begin({ ip, method, routeOptions: { url = "" } }: FastifyRequest, reply: FastifyReply): void {
    // Streams have a bound of their own.
    if (PROBES.has(url) || url === "/api/v1/stream") return;
    const { scrapes, reads, changes } = this.#inWork;
    const kind = url === "/metrics" ? scrapes : method === "GET" || method === "HEAD" ? reads : changes;
    const done = kind.begin(ip);
    if (done === undefined) {
      reply.header("retry-after", RETRY_AFTER_S);
      throw new ProblemError("too_many_requests", "too many requests wait for their answer; come again");
    }
    reply.raw.once("close", done);
  }

  #addRoutes(options: ApiServerOptions, rights: Rights): void {
    const app = this.#app;
    const { access, reader, records, clock, log } = options;
    addWindowRoutes(app, { reader, clock, packer: this.#packer });
    addAlarmRoutes(app, { reader, rights, log });
    addEvidenceRoutes(app, { reader, clock });
    addAgentRoutes(app, reader);
    addPipelineRoutes(app, { reader, rights, log });
    addRecordRoutes(app, records);
    addLedgerRoutes(app, options);
    addSessionRoutes(app, { access, rights, isSecure: options.tls !== null, log });
    addStreamRoute(app, { stream: this.#stream, rights });
    addUpkeepRoutes(app, options);
  }
}
