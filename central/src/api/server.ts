import { hostRefusal, isOwnOrigin, MillraceError, reasonOf } from "@millrace/runtime";
import type { Clock, Logger, Metrics } from "@millrace/runtime";
import { Readable } from "node:stream";
import Fastify from "fastify";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Assets } from "./assets.ts";
import { isFromOwnMachine } from "./own-machine.ts";
import type { CentralReader, ResetOutcome } from "./central-reader.ts";
import type { SinkView } from "../sinks/sink-view.ts";
import { EventStream } from "./event-stream.ts";
import { OPENAPI } from "./openapi.ts";
import { ANY_EVIDENCE, parseEvidenceQuery } from "./evidence-query.ts";
import { problem, ProblemError } from "./problem.ts";
import type { Problem } from "./problem.ts";
import { addRecordRoutes } from "./record-routes.ts";
import type { RecordTarget } from "./record-routes.ts";
import { cursorText, parseSeriesQuery } from "./series-query.ts";
import { parseLimit, parseQuery, parseWindowQuery } from "./window-query.ts";

export interface ApiServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Names that it may be asked by, beside its host, localhost and IP addresses. */
  readonly allowedHosts: readonly string[];
  /** Whether alarms may be reset, and sites retired from other machines: there is no login. */
  readonly isControlAllowed: boolean;
  readonly reader: CentralReader;
  readonly records: RecordTarget;
  readonly sinks: () => readonly SinkView[];
  readonly assets: Assets;
  readonly metrics: Metrics;
  /** Brings gauges up to date before they are read. */
  readonly refreshMetrics: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

const REQUEST_BYTES_MAX = 65_536;
/** A pipeline's text as JSON. */
const PIPELINE_REQUEST_BYTES_MAX = 2 * 1024 * 1024;
const LIST_LIMIT_MAX = 10_000;
const ALARM_ID_LENGTH_MAX = 1_024;

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
  readonly #routes: string[] = [];
  /** One at a time: each holds the store as it was at its beginning. */
  #isBackingUp = false;

  private constructor(options: ApiServerOptions) {
    // Server-sent events never end by themselves: without forceCloseConnections they would hang the shutdown.
    this.#app = Fastify({
      logger: false,
      forceCloseConnections: true,
      bodyLimit: REQUEST_BYTES_MAX,
      // The id of an alarm names its rule and labels.
      routerOptions: { maxParamLength: 2_048 },
      // What no route is even looked for: a path that cannot be decoded.
      frameworkErrors: (error, _request, reply) => {
        sendProblem(reply.headers(SECURITY_HEADERS), problem("bad_request", reasonOf(error)));
      },
    });
    this.#stream = new EventStream(options);
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
    return this.#routes;
  }

  get stream(): EventStream {
    return this.#stream;
  }

  async close(): Promise<void> {
    this.#stream.close();
    await this.#app.close();
  }

  #addRoutes(options: ApiServerOptions): void {
    const app = this.#app;
    const { reader, log, metrics } = options;
    app.addHook("onRoute", ({ method, url }) => {
      if (method !== "HEAD" && url !== "*")
        this.#routes.push(`${String(method)} ${url.replaceAll(/:(\w+)/g, "{$1}")}`);
    });
    app.addHook("onRequest", async ({ headers }, reply) => {
      reply.headers(SECURITY_HEADERS);
      const refusal = hostRefusal(headers.host, [options.host, ...options.allowedHosts]);
      if (refusal !== null) throw new ProblemError("unknown_host", refusal);
    });
    app.setErrorHandler((error, _request, reply) => {
      if (error instanceof ProblemError) return sendProblem(reply, error.problem);
      const status = error instanceof Error && "statusCode" in error ? Number(error.statusCode) : 500;
      if (status === 413) return sendProblem(reply, problem("too_large", reasonOf(error)));
      if (status >= 400 && status < 500)
        return sendProblem(reply, { ...problem("bad_request", reasonOf(error)), status });
      log.error("cannot answer a request", { reason: reasonOf(error) });
      return sendProblem(reply, problem("internal", "the log says more"));
    });
    app.get("/api/v1/windows", async (request, reply) => {
      const query = parseWindowQuery(request.query);
      requireWindow(reader, query.window);
      return noStore(reply).send(await reader.windows(query));
    });
    app.get("/api/v1/series", async (request, reply) => {
      const page = await reader.series(parseSeriesQuery(request.query, options.clock.nowMs()));
      if ("reason" in page) throw new ProblemError(page.reason, page.detail);
      return noStore(reply).send({ ...page, cursor: cursorText(page.cursor) });
    });
    app.get("/api/v1/windows/latest", async (request, reply) => {
      const window = parseQuery(request.query).get("window") ?? null;
      if (window !== null) requireWindow(reader, window);
      return noStore(reply).send({ windows: await reader.latestWindows(window) });
    });
    app.get("/api/v1/alarms", async (request, reply) => {
      const limit = parseLimit(parseQuery(request.query).get("limit"), 1_000, LIST_LIMIT_MAX);
      return noStore(reply).send({ alarms: reader.alarms().slice(0, limit) });
    });
    app.get<{ Params: { id: string } }>("/api/v1/alarms/:id", async (request, reply) => {
      const agent = parseQuery(request.query).get("agent") ?? null;
      const { id } = request.params;
      const alarms = reader
        .alarms()
        .filter((each) => each.id === id && (agent === null || each.agent === agent));
      if (alarms.length === 0) throw new ProblemError("unknown_alarm", `no alarm ${id} is known`);
      const query = { ...ANY_EVIDENCE, agent, alarm: id, limit: LIST_LIMIT_MAX };
      return noStore(reply).send({ alarms, evidence: reader.evidence(query).evidence });
    });
    app.get("/api/v1/evidence", async (request, reply) =>
      noStore(reply).send(reader.evidence(parseEvidenceQuery(request.query))),
    );
    app.get<{ Params: { id: string } }>("/api/v1/evidence/:id", async (request, reply) => {
      const view = reader.evidenceOf(request.params.id);
      if (view === null) throw new ProblemError("unknown_evidence", "/api/v1/evidence lists what there is");
      if (view.state !== "complete") {
        const detail = `${view.partsHeld} of ${view.parts} parts are here; it is ${view.state}`;
        throw new ProblemError("evidence_incomplete", detail);
      }
      // Whatever a machine sent: a browser saves it and never runs it under this origin.
      return noStore(reply)
        .header("content-type", view.contentType)
        .header("content-length", view.bytes)
        .header(
          "content-disposition",
          `attachment; filename="${view.name.replaceAll(/[^\w.-]/g, "_")}-${view.id}"`,
        )
        .header("content-security-policy", "sandbox")
        .header("etag", `"${view.sha256}"`)
        .send(Readable.from(reader.evidenceBytes(view), { objectMode: false }));
    });
    app.get("/api/v1/agents", async (_request, reply) => noStore(reply).send({ agents: reader.agents() }));
    app.get("/api/v1/ledger", async (_request, reply) => {
      const records = options.records.recordStreams().map(({ stream, totals }) => [stream, totals] as const);
      return noStore(reply).send({
        sum: reader.ledgerSum(),
        agents: Object.fromEntries(reader.ledger()),
        records: Object.fromEntries(records),
      });
    });
    app.get("/api/v1/sinks", async (_request, reply) => noStore(reply).send({ sinks: options.sinks() }));
    addRecordRoutes(app, options.records, (request) => {
      requireOwnOrigin(request);
      requireControl(request, options.isControlAllowed);
    });
    app.get("/api/v1/pipeline", async (_request, reply) => noStore(reply).send(reader.pipeline()));
    app.get("/api/v1/quarantine", async (request, reply) => {
      const limit = parseLimit(parseQuery(request.query).get("limit"), 100, LIST_LIMIT_MAX);
      return noStore(reply).send({ entries: await reader.quarantine(limit) });
    });
    app.get("/api/v1/late", async (request, reply) => {
      const limit = parseLimit(parseQuery(request.query).get("limit"), 100, LIST_LIMIT_MAX);
      return noStore(reply).send({ entries: reader.late(limit) });
    });
    app.post<{ Params: { site: string } }>("/api/v1/sites/:site/retire", async (request, reply) => {
      requireOwnOrigin(request);
      requireControl(request, options.isControlAllowed);
      const { site } = request.params;
      const count = await reader.retire(site);
      if (count === 0)
        throw new ProblemError(
          "unknown_site",
          `no agent of site ${site} is expected; /api/v1/agents lists them`,
        );
      return noStore(reply).send({ site, agentsRetired: count });
    });
    app.post("/api/v1/backup", async (request, reply) => {
      requireOwnOrigin(request);
      requireControl(request, options.isControlAllowed);
      if (this.#isBackingUp) throw new ProblemError("backup_runs", "wait until it is done");
      this.#isBackingUp = true;
      const bytes = Readable.from(reader.backup(), { objectMode: false });
      bytes.once("close", () => (this.#isBackingUp = false));
      log.info("a backup is being sent");
      return noStore(reply).header("content-type", "application/octet-stream").send(bytes);
    });
    app.post("/api/v1/alarms/reset", async (request, reply) => {
      requireOwnOrigin(request);
      if (!options.isControlAllowed) throw new ProblemError("control_off", CONTROL_OFF);
      const { agent, id } = parseReset(request.body);
      const by = request.headers.origin === undefined ? "API" : "page";
      const outcome = await reader.resetAlarm(agent, id, by);
      log.info("a reset was asked for", { agent, alarm: id, by, outcome });
      if (outcome !== "done") throw resetProblem(outcome, agent);
      return noStore(reply).send({ agent, id });
    });
    app.post("/api/v1/pipeline", { bodyLimit: PIPELINE_REQUEST_BYTES_MAX }, async (request, reply) => {
      requireOwnOrigin(request);
      requireControl(request, options.isControlAllowed);
      const { text, wanted } = parsePush(request.body);
      const agents = reader.agents().filter(({ state }) => state !== "retired");
      const targets = agents.filter(({ agent, site }) => agent === wanted.agent || site === wanted.site);
      if (targets.length === 0)
        throw new ProblemError(
          "unknown_agent",
          "no such agent or site is expected; /api/v1/agents lists them",
        );
      const names = targets.map(({ agent }) => agent);
      const pushed = await reader.pushPipeline(names, text, "API").catch((error: unknown) => {
        if (error instanceof MillraceError && error.domain === "user")
          throw new ProblemError("bad_request", error.explain());
        throw error;
      });
      log.info("a pipeline was pushed", { ...pushed });
      return noStore(reply).send(pushed);
    });
    app.get("/api/v1/stream", (_request, reply) => {
      reply.hijack();
      if (this.#stream.add(reply.raw, SECURITY_HEADERS)) return;
      const full = problem("too_many_clients", "close other dashboards and try again");
      reply.raw
        .writeHead(full.status, { "content-type": "application/problem+json" })
        .end(JSON.stringify(full));
    });
    app.get("/api/v1/openapi.json", async (_request, reply) => noStore(reply).send(OPENAPI));
    app.get("/metrics", async (_request, reply) => {
      options.refreshMetrics();
      const { contentType, text } = await metrics.exposition();
      return noStore(reply).header("content-type", contentType).send(text);
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
    app.setNotFoundHandler((request, reply) => sendAsset(options.assets, request, reply));
  }
}

const CONTROL_OFF =
  "the server listens beyond this machine and has no login; http.allowControl: true in central.yaml allows it all the same, `millrace-agent reset` works on the gateway, and `millrace-central site retire` on this machine";

/** Why nothing was reset, as far as anybody knows. */
function resetProblem(outcome: Exclude<ResetOutcome, "done">, agent: string): ProblemError {
  switch (outcome) {
    case "condition_holds":
      return new ProblemError("condition_holds", "it can be reset once the condition is over");
    case "no_such_alarm":
      return new ProblemError(
        "unknown_alarm",
        `agent ${agent} has no such latched alarm; it may be reset already`,
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

/** Everyone where control is allowed; else who asks from this machine. */
function requireControl(request: FastifyRequest, isControlAllowed: boolean): void {
  const { remoteAddress, localAddress } = request.socket;
  if (isControlAllowed || isFromOwnMachine({ remoteAddress, localAddress, headers: request.headers })) return;
  throw new ProblemError("control_off", CONTROL_OFF);
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

function noStore(reply: FastifyReply): FastifyReply {
  return reply.header("cache-control", "no-store");
}

function sendProblem(reply: FastifyReply, body: Problem): FastifyReply {
  return noStore(reply)
    .code(body.status)
    .header("content-type", "application/problem+json; charset=utf-8")
    .send(JSON.stringify(body));
}

function sendAsset(assets: Assets, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split("?", 1)[0].slice(1);
  const file = request.method === "GET" ? assets.get(path === "" ? "index.html" : path) : undefined;
  if (file !== undefined) {
    const caching = file.isImmutable ? "public, max-age=31536000, immutable" : "no-cache";
    return reply.header("cache-control", caching).header("content-type", file.contentType).send(file.body);
  }
  const detail =
    path === "" ? "the dashboard is not built; the API is under /api/v1" : `${request.method} /${path}`;
  return sendProblem(reply, problem("not_found", detail));
}

function requireWindow(reader: CentralReader, name: string): void {
  const names = reader.pipeline().windows.map((window) => window.name);
  if (!names.includes(name))
    throw new ProblemError("unknown_window", `${name} is not one of: ${names.join(", ")}`);
}

/** A page of another origin must not change anything here through its visitor's browser. */
function requireOwnOrigin(request: FastifyRequest): void {
  const { origin, host } = request.headers;
  if (isOwnOrigin(origin, host)) return;
  throw new ProblemError("foreign_origin", `origin ${origin} may only read`);
}
