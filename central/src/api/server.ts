import { hostRefusal, isOwnOrigin, MillraceError, reasonOf } from "@millrace/runtime";
import type { ServerTls } from "@millrace/config";
import type { Clock, GaugeFamily, Logger, Metrics, Random } from "@millrace/runtime";
import { labelsKey } from "@millrace/stream";
import { createServer } from "node:http";
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Server as HttpsServer } from "node:https";
import { Readable } from "node:stream";
import Fastify from "fastify";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { SESSION_MS } from "./access.ts";
import type { Access, Caller } from "./access.ts";
import type { Asset, Assets } from "./assets.ts";
import type { CentralReader, ResetOutcome } from "./central-reader.ts";
import type { SinkView } from "../sinks/sink-view.ts";
import { EventStream } from "./event-stream.ts";
import { etag, isMatch } from "./etag.ts";
import { LIST_LIMIT_MAX, listPage } from "./list-page.ts";
import { OPENAPI } from "./openapi.ts";
import { OPERATIONS } from "./operations.ts";
import type { Operation, Right } from "./operations.ts";
import { pipelineUses } from "./pipeline-uses.ts";
import { ANY_EVIDENCE, parseEvidenceQuery } from "./evidence-query.ts";
import { problem, ProblemError } from "./problem.ts";
import { NotReady } from "../commit/not-ready.ts";
import type { Problem } from "./problem.ts";
import { addRecordRoutes } from "./record-routes.ts";
import type { RecordTarget } from "./record-routes.ts";
import { seriesAnswer } from "./series-answer.ts";
import { parseSeriesQuery } from "./series-query.ts";
import { RequestsInWork } from "./requests-in-work.ts";
import { RouteMethods } from "./route-methods.ts";
import { sessionCookie, sessionOf } from "./session-cookie.ts";
import { siteViews } from "./site-views.ts";
import { answerUnreadable } from "./unreadable-request.ts";
import { cursorText, wrongCursor } from "./page-cursor.ts";
import { requireEvidenceLabels, requireParameters, requireWindow } from "./required-names.ts";
import { parseLimit, parseQuery, parseWindowQuery } from "./window-query.ts";

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
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const REQUEST_BYTES_MAX = 65_536;
/** A pipeline's text as JSON. */
const PIPELINE_REQUEST_BYTES_MAX = 2 * 1024 * 1024;
const ALARM_ID_LENGTH_MAX = 1_024;
const PASSWORD_LENGTH_MAX = 1_024;
const CONNECTIONS_MAX = 2_000;
/** For all of a request to come. */
const REQUEST_TIMEOUT_MS = 60_000;
const RETRY_AFTER_S = 1;
/** As often as a failed commit is tried again. */
const NOT_READY_RETRY_AFTER_S = 5;
const LOGIN_RETRY_AFTER_S = 60;

/** No page of another origin may frame, script or style the dashboard. */
export const SECURITY_HEADERS = {
  "content-security-policy":
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
} as const;

/** The API, the dashboard's stream and its files, on one port. */
export class ApiServer {
  readonly #app: FastifyInstance;
  readonly #stream: EventStream;
  readonly #routes = new Set<string>();
  readonly #methods = new RouteMethods();
  readonly #inWork = new RequestsInWork();
  /** One at a time: each holds the store as it was at its beginning. */
  #isBackingUp = false;
  readonly #tlsServers: HttpsServer[] = [];

  private constructor(options: ApiServerOptions) {
    // Server-sent events never end by themselves: without forceCloseConnections they would hang the shutdown.
    this.#app = Fastify({
      logger: false,
      serverFactory: (handler) => this.#newServer(handler, options.tls),
      forceCloseConnections: true,
      bodyLimit: REQUEST_BYTES_MAX,
      requestTimeout: REQUEST_TIMEOUT_MS,
      clientErrorHandler: answerUnreadable,
      // The id of an alarm names its rule and labels.
      routerOptions: { maxParamLength: 2_048 },
      // What no route is even looked for: a path that cannot be decoded.
      frameworkErrors: (error, _request, reply) => {
        sendProblem(reply.headers(SECURITY_HEADERS), problem("bad_request", reasonOf(error)));
      },
    });
    this.#app.server.maxConnections = CONNECTIONS_MAX;
    this.#stream = new EventStream(options);
    this.#addHooks(options);
    this.#addRoutes(options);
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

  #addHooks(options: ApiServerOptions): void {
    const app = this.#app;
    app.addHook("onRoute", ({ method, url }) => {
      if (url === "*") return;
      const path = url.replaceAll(/:(\w+)/g, "{$1}");
      this.#methods.add(String(method), path);
      if (method !== "HEAD") this.#routes.add(`${String(method)} ${path}`);
    });
    app.addHook("onRequest", async (request, reply) => {
      const { headers, routeOptions } = request;
      reply.headers(SECURITY_HEADERS);
      const refusal = hostRefusal(headers.host, [options.host, ...options.allowedHosts]);
      if (refusal !== null) throw new ProblemError("unknown_host", refusal);
      // Streams have a bound of their own.
      if (routeOptions.url !== "/api/v1/stream") this.#begin(request, reply);
      // What is no route of the API are the dashboard's files, which hold nothing of anybody's.
      if (routeOptions.url === undefined) return;
      const operation = operationOf(request);
      requireRight(request, operation?.right ?? "operate", options);
      // Others than the API's, such as /metrics, are asked by programs with habits of their own.
      if (operation !== undefined && routeOptions.url.startsWith("/api/"))
        requireParameters(request.query, operation);
    });
    app.addHook("onSend", async (request, reply, body) => {
      if (request.method !== "GET" || reply.statusCode !== 200) return body;
      if (typeof body !== "string" && !(body instanceof Uint8Array)) return body;
      const tag = etag(body);
      reply.header("etag", tag);
      if (!isMatch(request.headers["if-none-match"], tag)) return body;
      reply.code(304).removeHeader("content-type").removeHeader("content-length");
      return "";
    });
    app.setErrorHandler((error, _request, reply) => {
      if (error instanceof ProblemError) {
        if (error.problem.status === 401) reply.header("www-authenticate", 'Bearer realm="millrace-central"');
        return sendProblem(reply, error.problem);
      }
      const status = error instanceof Error && "statusCode" in error ? Number(error.statusCode) : 500;
      if (status === 413) return sendProblem(reply, problem("too_large", reasonOf(error)));
      if (status === 415) return sendProblem(reply, problem("unsupported", reasonOf(error)));
      if (status >= 400 && status < 500)
        return sendProblem(reply, { ...problem("bad_request", reasonOf(error)), status });
      const { isReady, reason } = options.reader.health();
      // What cannot be read or made durable then is no fault of the request's, nor of what answers it.
      if (error instanceof NotReady || !isReady) {
        // Everybody asks again and again meanwhile.
        if (error instanceof Error && !(error instanceof NotReady))
          options.log.repeated(error.name, "cannot answer a request", { reason: reasonOf(error) });
        reply.header("retry-after", NOT_READY_RETRY_AFTER_S);
        return sendProblem(reply, problem("not_ready", error instanceof NotReady ? error.message : reason));
      }
      options.log.error("cannot answer a request", { reason: reasonOf(error) });
      return sendProblem(reply, problem("internal", "the log says more"));
    });
    app.setNotFoundHandler((request, reply) => {
      const path = pathOf(request);
      const methods = this.#methods.of(path);
      const file =
        methods.length === 0 ? options.assets.get(path === "/" ? "index.html" : path.slice(1)) : undefined;
      if (file !== undefined && request.method === "GET") return sendAsset(file, reply);
      const allowed = file === undefined ? methods : ["GET"];
      if (allowed.length > 0) {
        reply.header("allow", allowed.join(", "));
        return sendProblem(reply, problem("method_not_allowed", `${path} takes ${allowed.join(", ")}`));
      }
      const detail =
        path === "/" ? "the dashboard is not built; the API is under /api/v1" : `${request.method} ${path}`;
      return sendProblem(reply, problem("not_found", detail));
    });
  }

  /** `localhost` has two addresses, and then there are two servers. */
  #newServer(
    handler: (request: IncomingMessage, response: ServerResponse) => void,
    tls: ApiServerOptions["tls"],
  ): HttpServer {
    if (tls === null) return createServer(handler);
    const server = createTlsServer({ cert: tls.cert, key: tls.key, minVersion: "TLSv1.2" }, handler);
    this.#tlsServers.push(server);
    return server;
  }

  /** For connections from now on. */
  renewTls({ cert, key }: Pick<ServerTls, "cert" | "key">): void {
    for (const server of this.#tlsServers) server.setSecureContext({ cert, key, minVersion: "TLSv1.2" });
  }

  #begin(request: FastifyRequest, reply: FastifyReply): void {
    const done = this.#inWork.begin(request.ip);
    if (done === undefined) {
      reply.header("retry-after", RETRY_AFTER_S);
      throw new ProblemError("too_many_requests", "too many requests wait for their answer; come again");
    }
    reply.raw.once("close", done);
  }

  #addRoutes(options: ApiServerOptions): void {
    const app = this.#app;
    const { access, reader, log, metrics } = options;
    app.get("/api/v1/windows", async (request, reply) => {
      const query = parseWindowQuery(request.query);
      requireWindow(reader, query.window, Object.keys(query.group));
      const { windows, cursor } = await reader.windows(query);
      return fresh(reply).send({ windows, cursor: cursorText(cursor) });
    });
    app.get("/api/v1/series", async (request, reply) => {
      const page = await reader.series(parseSeriesQuery(request.query, options.clock.nowMs()));
      if ("reason" in page) throw new ProblemError(page.reason, page.detail);
      const { tag, bytes, slices } = await seriesAnswer({ ...page, cursor: cursorText(page.cursor) });
      reply.header("etag", tag);
      if (isMatch(request.headers["if-none-match"], tag)) return fresh(reply).code(304).send();
      return fresh(reply)
        .header("content-type", "application/json; charset=utf-8")
        .header("content-length", bytes)
        .send(Readable.from(slices, { objectMode: false }));
    });
    app.get("/api/v1/windows/latest", async (request, reply) => {
      const query = parseQuery(request.query);
      const window = query.get("window") ?? null;
      if (window !== null) requireWindow(reader, window);
      const latest = await reader.latestWindows(window);
      const { items, cursor } = listPage(latest, query, {
        keyOf: (each) => [each.window, labelsKey(each.group)],
        limitDefault: LIST_LIMIT_MAX,
      });
      return fresh(reply).send({ windows: items, cursor });
    });
    app.get("/api/v1/alarms", async (request, reply) => {
      const { items, cursor } = listPage(reader.alarms(), parseQuery(request.query), {
        // Active first, then the latest.
        keyOf: ({ isActive, timeMs, receivedAtMs, agent, id }) => [
          isActive ? 0 : 1,
          -timeMs,
          -receivedAtMs,
          agent,
          id,
        ],
        limitDefault: 1_000,
      });
      return fresh(reply).send({ alarms: items, cursor });
    });
    app.get<{ Params: { id: string } }>("/api/v1/alarms/:id", async (request, reply) => {
      const agent = parseQuery(request.query).get("agent") ?? null;
      const { id } = request.params;
      const alarms = reader
        .alarms()
        .filter((each) => each.id === id && (agent === null || each.agent === agent));
      if (alarms.length === 0) throw new ProblemError("unknown_alarm", `no alarm ${id} is known`);
      const query = { ...ANY_EVIDENCE, agent, alarm: id, limit: LIST_LIMIT_MAX };
      return fresh(reply).send({ alarms, evidence: reader.evidence(query).evidence });
    });
    app.get("/api/v1/evidence", async (request, reply) => {
      const query = parseEvidenceQuery(request.query);
      requireEvidenceLabels(reader, Object.keys(query.labels));
      const { evidence, cursor } = reader.evidence(query);
      return fresh(reply).send({ evidence, cursor: cursorText(cursor) });
    });
    app.get<{ Params: { id: string } }>("/api/v1/evidence/:id", async (request, reply) => {
      const view = reader.evidenceOf(request.params.id);
      if (view === null) throw new ProblemError("unknown_evidence", "/api/v1/evidence lists what there is");
      if (view.state !== "complete") {
        const detail = `${view.partsHeld} of ${view.parts} parts are here; it is ${view.state}`;
        throw new ProblemError("evidence_incomplete", detail);
      }
      const tag = `"${view.sha256}"`;
      reply.header("etag", tag);
      if (isMatch(request.headers["if-none-match"], tag)) return fresh(reply).code(304).send();
      // Whatever a machine sent: a browser saves it and never runs it under this origin.
      return fresh(reply)
        .header("content-type", view.contentType)
        .header("content-length", view.bytes)
        .header(
          "content-disposition",
          `attachment; filename="${view.name.replaceAll(/[^\w.-]/g, "_")}-${view.id}"`,
        )
        .header("content-security-policy", "sandbox")
        .send(Readable.from(reader.evidenceBytes(view), { objectMode: false }));
    });
    app.get("/api/v1/agents", async (request, reply) => {
      const query = parseQuery(request.query);
      const site = query.get("site");
      const agents = reader.agents().filter((each) => site === undefined || each.site === site);
      const { items, cursor } = listPage(agents, query, {
        keyOf: ({ agent }) => [agent],
        limitDefault: LIST_LIMIT_MAX,
      });
      return fresh(reply).send({ agents: items, cursor });
    });
    app.get("/api/v1/sites", async (request, reply) => {
      const { items, cursor } = listPage(
        siteViews(reader.agents(), reader.alarms()),
        parseQuery(request.query),
        {
          keyOf: ({ site }) => [site],
          limitDefault: 1_000,
        },
      );
      return fresh(reply).send({ sites: items, cursor });
    });
    app.get("/api/v1/pipelines", async (_request, reply) =>
      fresh(reply).send({ pipelines: pipelineUses(reader.agents()) }),
    );
    app.get("/api/v1/ledger", async (_request, reply) => {
      const records = options.records.recordStreams().map(({ stream, totals }) => [stream, totals] as const);
      return fresh(reply).send({
        sum: reader.ledgerSum(),
        agents: Object.fromEntries(reader.ledger()),
        records: Object.fromEntries(records),
      });
    });
    app.get("/api/v1/sinks", async (_request, reply) => fresh(reply).send({ sinks: options.sinks() }));
    addRecordRoutes(app, options.records);
    app.get("/api/v1/pipeline", async (_request, reply) => fresh(reply).send(reader.pipeline()));
    app.get("/api/v1/quarantine", async (request, reply) => {
      const query = parseQuery(request.query);
      const limit = parseLimit(query.get("limit"), 100, LIST_LIMIT_MAX);
      const entries = await reader.quarantine(limit, parseNumberCursor(query.get("cursor")));
      return fresh(reply).send({ entries, cursor: numberCursor(entries, limit) });
    });
    app.get("/api/v1/late", async (request, reply) => {
      const query = parseQuery(request.query);
      const limit = parseLimit(query.get("limit"), 100, LIST_LIMIT_MAX);
      const entries = reader.late(limit, parseNumberCursor(query.get("cursor")));
      return fresh(reply).send({ entries, cursor: numberCursor(entries, limit) });
    });
    app.post<{ Params: { site: string } }>("/api/v1/sites/:site/retire", async (request, reply) => {
      const { site } = request.params;
      const count = await reader.retire(site);
      if (count === 0)
        throw new ProblemError(
          "unknown_site",
          `no agent of site ${site} is expected; /api/v1/agents lists them`,
        );
      return noStore(reply).send({ site, agentsRetired: count });
    });
    app.post("/api/v1/backup", async (_request, reply) => {
      if (this.#isBackingUp) throw new ProblemError("backup_runs", "wait until it is done");
      this.#isBackingUp = true;
      const bytes = Readable.from(reader.backup(), { objectMode: false });
      bytes.once("close", () => (this.#isBackingUp = false));
      log.info("a backup is being sent");
      return noStore(reply).header("content-type", "application/octet-stream").send(bytes);
    });
    app.post("/api/v1/alarms/reset", async (request, reply) => {
      const { agent, id } = parseReset(request.body);
      const by = callerOf(request, access)?.name ?? (request.headers.origin === undefined ? "API" : "page");
      const outcome = await reader.resetAlarm(agent, id, by);
      log.info("a reset was asked for", { agent, alarm: id, by, outcome });
      if (outcome !== "done") throw resetProblem(outcome, agent);
      return noStore(reply).send({ agent, id });
    });
    app.post("/api/v1/pipeline", { bodyLimit: PIPELINE_REQUEST_BYTES_MAX }, async (request, reply) => {
      const { text, wanted } = parsePush(request.body);
      const agents = reader.agents().filter(({ state }) => state !== "retired");
      const targets = agents.filter(({ agent, site }) => agent === wanted.agent || site === wanted.site);
      if (targets.length === 0)
        throw new ProblemError(
          "unknown_agent",
          "no such agent or site is expected; /api/v1/agents lists them",
        );
      const names = targets.map(({ agent }) => agent);
      const by = callerOf(request, access)?.name ?? "API";
      const pushed = await reader.pushPipeline(names, text, by).catch((error: unknown) => {
        if (error instanceof MillraceError && error.domain === "user")
          throw new ProblemError("bad_request", error.explain());
        throw error;
      });
      log.info("a pipeline was pushed", { ...pushed });
      return noStore(reply).send(pushed);
    });
    // A HEAD of it would be one more client that never ends.
    app.get("/api/v1/stream", { exposeHeadRoute: false }, async (request, reply) => {
      if (this.#stream.isFull)
        throw new ProblemError("too_many_clients", "close other dashboards and try again");
      const asked = parseQuery(request.query).get("lastEventId");
      const lastEventId = request.headers["last-event-id"];
      reply.hijack();
      this.#stream.add(reply.raw, {
        headers: SECURITY_HEADERS,
        lastEventId: typeof lastEventId === "string" ? lastEventId : asked,
        isControlAllowed: sessionView(request, options).isControlAllowed,
        isAllowed: () => !access.isLoginNeeded || callerOf(request, access) !== null,
      });
    });
    app.get("/api/v1/session", async (request, reply) => noStore(reply).send(sessionView(request, options)));
    app.post("/api/v1/session", async (request, reply) => {
      const { user, password } = parseLogin(request.body);
      const outcome = await access.logIn(user, password, request.ip);
      log.info("a login", { user: user.slice(0, 64), address: request.ip, outcome: outcome.kind });
      if (outcome.kind === "too_many") {
        reply.header("retry-after", LOGIN_RETRY_AFTER_S);
        throw new ProblemError("too_many_logins", "wait a minute and try again");
      }
      if (outcome.kind !== "in")
        throw new ProblemError("wrong_login", "no such user with this password is in http.users");
      const cookie = sessionCookie(outcome.session, {
        maxAgeS: SESSION_MS / 1_000,
        isSecure: options.tls !== null,
      });
      const { name, role } = outcome.caller;
      return noStore(reply)
        .header("set-cookie", cookie)
        .send({ isLoginNeeded: true, user: name, isControlAllowed: role === "operate" });
    });
    app.delete("/api/v1/session", async (request, reply) => {
      access.logOut(sessionOf(request.headers.cookie));
      const cookie = sessionCookie("", { maxAgeS: 0, isSecure: options.tls !== null });
      return noStore(reply).header("set-cookie", cookie).send(sessionView(request, options));
    });
    app.get("/api/v1/openapi.json", async (_request, reply) => fresh(reply).send(OPENAPI));
    app.get("/metrics", async ({ headers: { accept } }, reply) => {
      options.refreshMetrics();
      const { contentType, text } = await metrics.exposition({ accept, families: options.windowGauges() });
      return noStore(reply).header("vary", "accept").header("content-type", contentType).send(text);
    });
    app.get("/healthz", async (_request, reply) => {
      const { isAlive, reason } = reader.health();
      return noStore(reply)
        .code(isAlive ? 200 : 503)
        .send({ isAlive, reason });
    });
    app.get("/readyz", async (_request, reply) => {
      const { isReady, reason } = reader.health();
      return noStore(reply)
        .code(isReady ? 200 : 503)
        .send({ isReady, reason });
    });
  }
}

const CONTROL_OFF =
  "http.allowControl in central.yaml is false: only the commands of `millrace-central` on its machine may change something, by api.token in its data folder; `millrace-agent reset` works on the gateway";
const LOGIN_NEEDED =
  "send `Authorization: Bearer <token>` (http.tokens in central.yaml), or log in at the page (http.users)";

/** Why nothing was reset, as far as anybody knows. */
function resetProblem(outcome: Exclude<ResetOutcome, "done">, agent: string): ProblemError {
  switch (outcome) {
    case "condition_holds":
      return new ProblemError("condition_holds", "it can be reset once the condition is over");
    case "no_such_alarm":
      return new ProblemError(
        "unknown_alarm",
        `${agent === "" ? "central" : `agent ${agent}`} has no such latched alarm; it may be reset already`,
      );
    case "agent_away":
      return new ProblemError("agent_away", `agent ${agent} is not connected; nothing was sent to it`);
    case "too_many":
      return new ProblemError(
        "agent_busy",
        `too many requests wait for agent ${agent}; nothing was sent to it`,
      );
    case "not_understood":
      return new ProblemError("no_answer", `agent ${agent} does not know this request; its program is older`);
    case "refused":
    case "no_answer":
      return new ProblemError(
        "no_answer",
        `agent ${agent} has not answered; the alarm may have been reset all the same`,
      );
  }
}

/** A route that is not in the table changes something, until it says otherwise. */
function operationOf({ method, routeOptions }: FastifyRequest): Operation | undefined {
  const path = (routeOptions.url ?? "").replaceAll(/:(\w+)/g, "{$1}");
  return OPERATIONS[`${isReading(method) ? "GET" : method} ${path}`];
}

function isReading(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/** Whether whoever asks may. */
function requireRight(request: FastifyRequest, right: Right, options: ApiServerOptions): void {
  const { headers, method } = request;
  // A page of another origin must not change anything here through its visitor's browser.
  if (!isReading(method) && !isOwnOrigin(headers.origin, headers.host))
    throw new ProblemError("foreign_origin", `origin ${headers.origin} may only read`);
  if (right === "anyone") return;
  const caller = callerOf(request, options.access);
  if (options.access.isLoginNeeded) {
    if (caller === null) throw new ProblemError("login_needed", LOGIN_NEEDED);
    if (right === "operate" && caller.role !== "operate")
      throw new ProblemError("not_allowed", `${caller.name} has the role read; this needs operate`);
  } else if (right === "operate" && !options.isControlAllowed && caller?.role !== "operate") {
    throw new ProblemError("control_off", CONTROL_OFF);
  }
}

function callerOf({ headers }: FastifyRequest, access: Access): Caller | null {
  return access.callerOf(headers.authorization, sessionOf(headers.cookie));
}

/** Of a list whose entries are numbered, the newest first. */
function parseNumberCursor(text: string | undefined): number | null {
  if (text === undefined || text === "") return null;
  if (!/^\d{1,15}$/.test(text)) throw wrongCursor(text);
  return Number(text);
}

function numberCursor(entries: readonly { readonly number: number }[], limit: number): string | null {
  const last = entries.length < limit ? undefined : entries.at(-1);
  return last === undefined ? null : String(last.number);
}

/** What a page may show of who looks at it. */
function sessionView(request: FastifyRequest, { access, isControlAllowed }: ApiServerOptions) {
  const caller = callerOf(request, access);
  const { isLoginNeeded } = access;
  return {
    isLoginNeeded,
    user: caller?.name ?? null,
    isControlAllowed: caller?.role === "operate" || (!isLoginNeeded && isControlAllowed),
  };
}

function parseLogin(body: unknown): { readonly user: string; readonly password: string } {
  if (typeof body === "object" && body !== null && "user" in body && "password" in body) {
    const { user, password } = body;
    if (typeof user === "string" && typeof password === "string" && password.length <= PASSWORD_LENGTH_MAX)
      return { user, password };
  }
  throw new ProblemError("bad_request", 'expected { "user": "…", "password": "…" }');
}

function parsePush(body: unknown): {
  readonly text: string;
  readonly wanted: { readonly agent?: string; readonly site?: string };
} {
  if (typeof body === "object" && body !== null && "pipeline" in body && typeof body.pipeline === "string") {
    const { pipeline: text } = body;
    const agent = "agent" in body ? body.agent : undefined;
    const site = "site" in body ? body.site : undefined;
    if (typeof agent === "string" && site === undefined) return { text, wanted: { agent } };
    if (typeof site === "string" && agent === undefined) return { text, wanted: { site } };
  }
  throw new ProblemError("bad_request", 'expected { "pipeline": "…" } with one of "agent" and "site"');
}

function parseReset(body: unknown): { readonly agent: string; readonly id: string } {
  if (typeof body === "object" && body !== null && "agent" in body && "id" in body) {
    const { agent, id } = body;
    if (typeof agent === "string" && typeof id === "string" && id !== "" && id.length <= ALARM_ID_LENGTH_MAX)
      return { agent, id };
  }
  throw new ProblemError("bad_request", 'expected { "agent": "…", "id": "…" }, as /api/v1/alarms has them');
}

/** To be asked for each time; who has it already is told so. */
function fresh(reply: FastifyReply): FastifyReply {
  return reply.header("cache-control", "private, no-cache");
}

function noStore(reply: FastifyReply): FastifyReply {
  return reply.header("cache-control", "no-store");
}

function sendProblem(reply: FastifyReply, body: Problem): FastifyReply {
  return noStore(reply)
    .code(body.status)
    .header("content-type", "application/problem+json; charset=utf-8")
    .send(JSON.stringify(body));
}

function sendAsset(file: Asset, reply: FastifyReply): FastifyReply {
  const caching = file.isImmutable ? "public, max-age=31536000, immutable" : "no-cache";
  return reply.header("cache-control", caching).header("content-type", file.contentType).send(file.body);
}

function pathOf(request: FastifyRequest): string {
  return request.url.split("?", 1)[0] ?? "/";
}
