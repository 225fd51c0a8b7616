import type { IncomingMessage } from "node:http";
import {
  certificateEndMs,
  type Health,
  hostRefusal,
  isOwnOrigin,
  type Metrics,
  plainText,
  toListenError,
} from "@millrace/runtime";
import type { Labels } from "@millrace/stream";
import type { Agent } from "../agent.ts";
import type { InputStatus, ReadingInput } from "../inputs/input.ts";
import { MAINTENANCE_MS_MAX } from "../actions/maintenance-desk.ts";
import type { AgentStatus } from "./agent-status.ts";
import { type JsonAnswer, type JsonRoute, JsonServer } from "./json-server.ts";
import type { Reloader } from "../reload/reloader.ts";

export interface StatusServerOptions {
  readonly host: string;
  readonly port: number;
  /** Names that it may be asked by, beside its host, localhost and IP addresses. */
  readonly allowedHosts: readonly string[];
  readonly agent: Pick<Agent, "status" | "resetAlarms" | "maintenance" | "forgetSeries" | "checkLabels">;
  readonly inputs: readonly ReadingInput[];
  /** Absent where nothing can change the configuration. */
  readonly reloader?: Pick<Reloader, "reload">;
  readonly metrics: Metrics;
  readonly health: Health;
  /** PEM texts of what the agent shows, by what it is configured at. */
  readonly certificates?: () => Readonly<Record<string, string>>;
}

/** What `GET /status` answers and `millrace-agent status` prints. */
export interface StatusPage extends AgentStatus {
  readonly inputs: readonly InputStatus[];
}

/**
 * The agent's loopback page: `GET /status`, `/metrics` (Prometheus), `/healthz`, `/readyz`, and
 * `POST /alarms/reset` (`{ "id": "…" }` or `{ "all": true }`) for latched alarms, and `POST /maintenance/on`
 * (`{ "labels": { … }, "durationMs": … }`, with `"isNoneAllowed": true` also where no series has them) and `/maintenance/off` (`{ "labels": { … } }` or `{ "all": true }`),
 * and `POST /series/forget` (`{ "labels": { … } }`) for silent series that were retired, and `POST /reload` (`{}`, or
 * `{ "file": true }` for the pipeline file whatever central has pushed). What changes something takes JSON only, and nothing
 * from a page of another origin.
 */
export class StatusServer {
  readonly #server: JsonServer;
  readonly #options: StatusServerOptions;

  private constructor(options: StatusServerOptions) {
    this.#options = options;
    this.#server = new JsonServer({ routes: this.#routes(), refusal: (request) => this.#refusal(request) });
  }

  static async start(options: StatusServerOptions): Promise<StatusServer> {
    const server = new StatusServer(options);
    const { host, port } = options;
    try {
      await server.#server.listen({ host, port });
    } catch (error) {
      throw toListenError(error, {
        host,
        port,
        purpose: "the status page",
        setting: "`http.port` in agent.yaml",
      });
    }
    return server;
  }

  get port(): number {
    return this.#server.port;
  }

  stop(): Promise<void> {
    return this.#server.close();
  }

  #page(): StatusPage {
    const { agent, inputs } = this.#options;
    return {
      ...agent.status(),
      inputs: inputs.map((input) => input.status()),
    };
  }

  #refusal({ method, headers }: Pick<IncomingMessage, "method" | "headers">): JsonAnswer | null {
    const { host, allowedHosts } = this.#options;
    const error = hostRefusal(headers.host, [host, ...allowedHosts]);
    if (error !== null) return { status: 421, body: { error } };
    if (method !== "POST") return null;
    const { origin, host: asked, "content-type": contentType = "none" } = headers;
    if (!isOwnOrigin(origin, asked))
      return { status: 403, body: { error: `origin ${origin} may only read` } };
    // Of another origin a browser sends no JSON without leave, which nobody here gives.
    if (/^application\/json\s*(?:;|$)/i.test(contentType)) return null;
    return {
      status: 415,
      body: { error: `cannot take a body of content-type ${contentType}: it must be application/json` },
    };
  }

  #routes(): ReadonlyMap<string, JsonRoute> {
    const { agent } = this.#options;
    return new Map<string, JsonRoute>([
      ["GET /status", () => ({ body: this.#page() })],
      ["GET /metrics", ({ headers }) => this.#exposition(headers.accept)],
      ["GET /healthz", () => this.#health("alive")],
      ["GET /readyz", () => this.#health("ready")],
      [
        "POST /alarms/reset",
        ({ body }) => {
          const which = parseReset(body);
          return which === undefined
            ? mistake('expected { "id": "…" } or { "all": true }')
            : { body: agent.resetAlarms(which, askedBy(body)) };
        },
      ],
      ["POST /maintenance/on", ({ body }) => this.#beginMaintenance(body)],
      ["POST /maintenance/off", ({ body }) => this.#endMaintenance(body)],
      ["POST /reload", ({ body }) => this.#reload(body)],
      ["POST /series/forget", ({ body }) => this.#forgetSeries(body)],
    ]);
  }

  async #exposition(accept: string | undefined): Promise<JsonAnswer> {
    const { agent, inputs, metrics } = this.#options;
    this.#observe(agent.status());
    for (const input of inputs) this.#observeInput(input.status());
    this.#observeCertificates();
    const { contentType, text } = await metrics.exposition({ accept });
    return { headers: { "content-type": contentType, vary: "accept" }, body: text };
  }

  #health(kind: "alive" | "ready"): JsonAnswer {
    const report = this.#options.health.report(kind);
    return { status: report.isOk ? 200 : 503, body: report };
  }

  async #reload(body: unknown): Promise<JsonAnswer> {
    const { reloader } = this.#options;
    if (reloader === undefined) return { status: 404, body: { error: "nothing here can be reloaded" } };
    const isFileWanted = fieldOf(body, "file") === true;
    return { body: await reloader.reload(askedBy(body), { isFileWanted }) };
  }

  #forgetSeries(body: unknown): JsonAnswer {
    const { agent } = this.#options;
    const labels = labelsIn(body);
    if (labels === undefined || Object.keys(labels).length === 0)
      return mistake('expected { "labels": { … } } with at least one label');
    const { problem } = agent.checkLabels(labels);
    if (problem !== null) return mistake(problem);
    return { body: agent.forgetSeries(labels, askedBy(body)) };
  }

  #beginMaintenance(body: unknown): JsonAnswer {
    const { agent } = this.#options;
    const labels = labelsIn(body);
    const durationMs = fieldOf(body, "durationMs");
    const isSound = typeof durationMs === "number" && durationMs > 0 && durationMs <= MAINTENANCE_MS_MAX;
    if (labels === undefined || !isSound)
      return mistake('expected { "labels": { … }, "durationMs": … } with at most 31 days');
    const { problem, seriesCount } = agent.checkLabels(labels);
    if (problem !== null) return mistake(problem);
    const isOfNothing = seriesCount === 0 && Object.keys(labels).length > 0;
    if (isOfNothing && fieldOf(body, "isNoneAllowed") !== true)
      return { body: { isChanged: false, reason: NO_SERIES, seriesCount } };
    const isChanged = agent.maintenance.begin(labels, durationMs, askedBy(body));
    const reason = isChanged ? "" : "as many maintenances stand as there may be";
    return { body: { isChanged, reason, seriesCount } };
  }

  #endMaintenance(body: unknown): JsonAnswer {
    const which = fieldOf(body, "all") === true ? "all" : labelsIn(body);
    if (which === undefined) return mistake('expected { "labels": { … } } or { "all": true }');
    const isChanged = this.#options.agent.maintenance.end(which, askedBy(body));
    const reason = isChanged ? "" : "there is no such maintenance; `status` lists them";
    return { body: { isChanged, reason } };
  }

  /** Brings the metrics that mirror the status up to date, at scrape time. */
  #observe(status: AgentStatus): void {
    const {
      ledger,
      lanes,
      link,
      alarms,
      commands,
      rules,
      series,
      seriesForgotten,
      watermarkMs,
      clock,
      sensorClocks,
      held,
      disk,
      recorder,
      configuration,
      sparkplug,
      quarantineCount,
      store,
    } = status;
    const { metrics } = this.#options;
    if (configuration !== null) {
      const { version, source } = configuration;
      const info = metrics.gauge("millrace_agent_pipeline_info");
      info.forgetAll();
      info.set(1, { version, source });
    }
    const readings = metrics.counter("millrace_agent_readings_total");
    readings.follow(ledger.received, { outcome: "received" });
    readings.follow(ledger.aggregated, { outcome: "aggregated" });
    readings.follow(ledger.ruleOnly, { outcome: "rule_only" });
    readings.follow(ledger.duplicate, { outcome: "duplicate" });
    readings.follow(ledger.evicted, { outcome: "evicted.outbox_full" });
    readings.follow(ledger.damaged, { outcome: "evicted.damaged" });
    metrics.counter("millrace_agent_alarm_batches_evicted_total").follow(ledger.alarmBatchesEvicted);
    const parts = metrics.counter("millrace_agent_evidence_parts_total");
    parts.follow(ledger.evidencePartsSealed, { outcome: "sealed" });
    parts.follow(ledger.evidencePartsEvicted, { outcome: "evicted" });
    parts.follow(ledger.evidencePartsDamaged, { outcome: "damaged" });
    if (recorder !== null) {
      metrics.counter("millrace_agent_recordings_total").follow(recorder.recorded, { outcome: "made" });
      metrics.counter("millrace_agent_recordings_total").follow(recorder.dropped, { outcome: "dropped" });
      metrics.gauge("millrace_agent_recorder_readings").set(recorder.readings);
      metrics.gauge("millrace_agent_recorder_short_seconds").set(recorder.shortMs / 1000);
    }
    for (const [reason, count] of Object.entries(ledger.rejected)) {
      readings.follow(count, { outcome: `rejected.${reason}` });
    }
    metrics.gauge("millrace_agent_readings_pending").set(ledger.pending);
    metrics.gauge("millrace_agent_readings_held").set(held.readings);
    metrics.gauge("millrace_agent_held_bytes").set(held.bytes);
    const seriesGauge = metrics.gauge("millrace_agent_series");
    seriesGauge.forgetAll();
    for (const [metric, count] of Object.entries(series)) seriesGauge.set(count, { metric });
    for (const [metric, count] of Object.entries(seriesForgotten))
      metrics.counter("millrace_agent_series_forgotten_total").follow(count, { metric });
    if (sparkplug !== null) {
      metrics.gauge("millrace_agent_sparkplug_nodes").set(sparkplug.nodesOnline, { state: "online" });
      metrics.gauge("millrace_agent_sparkplug_nodes").set(sparkplug.nodesOffline, { state: "offline" });
      for (const [event, count] of Object.entries(sparkplug.events))
        metrics.counter("millrace_agent_sparkplug_events_total").follow(count, { event });
    }
    metrics.gauge("millrace_agent_alarms_active").set(alarms.length);
    for (const { input, taken, missed } of commands) {
      metrics.counter("millrace_agent_commands_total").follow(taken, { input, result: "taken" });
      metrics.counter("millrace_agent_commands_total").follow(missed, { input, result: "missed" });
    }
    metrics.gauge("millrace_agent_quarantine_entries").set(quarantineCount);
    metrics.gauge("millrace_agent_store_up").set(store.failure === null ? 1 : 0);
    metrics.gauge("millrace_agent_clock_synchronised").set(clock.isSynchronised ? 1 : 0);
    metrics.gauge("millrace_agent_sensor_clocks_off").set(sensorClocks.ahead, { direction: "ahead" });
    metrics.gauge("millrace_agent_sensor_clocks_off").set(sensorClocks.behind, { direction: "behind" });
    const unseen = metrics.counter("millrace_agent_rule_readings_unseen_total");
    unseen.follow(rules.late, { reason: "late" });
    unseen.follow(rules.seriesOverLimit, { reason: "series_over_limit" });
    unseen.follow(rules.windowsRefused, { reason: "windows_refused" });
    metrics.gauge("millrace_agent_uplink_connected").set(link.state === "up" ? 1 : 0);
    let bytes = 0;
    for (const [lane, state] of Object.entries(lanes)) {
      metrics.gauge("millrace_agent_outbox_batches").set(state.queuedBatches, { lane });
      const ageMs = state.oldestMs === null ? 0 : Math.max(0, clock.nowMs - state.oldestMs);
      metrics.gauge("millrace_agent_outbox_age_seconds").set(ageMs / 1000, { lane });
      bytes += state.queuedBytes + state.retainedBytes;
    }
    metrics.gauge("millrace_agent_outbox_bytes").set(bytes);
    metrics.gauge("millrace_agent_outbox_bytes_left").set(disk.bytesLeft);
    metrics.counter("millrace_agent_coarsened_rows_total").follow(disk.coarsened?.rows ?? 0);
    metrics.gauge("millrace_agent_disk_low").set(disk.isLow ? 1 : 0);
    if (disk.freeBytes !== null) metrics.gauge("millrace_agent_disk_free_bytes").set(disk.freeBytes);
    const outageS = disk.hoursLeft === null ? Number.POSITIVE_INFINITY : disk.hoursLeft * 3_600;
    metrics.gauge("millrace_agent_outage_left_seconds").set(outageS);
    if (watermarkMs !== null) {
      metrics.gauge("millrace_agent_watermark_lag_seconds").set((clock.nowMs - watermarkMs) / 1000);
    }
  }

  #observeCertificates(): void {
    const expiry = this.#options.metrics.gauge("millrace_agent_certificate_expiry_timestamp_seconds");
    expiry.forgetAll();
    for (const [certificate, pem] of Object.entries(this.#options.certificates?.() ?? {}))
      expiry.set(certificateEndMs(pem) / 1000, { certificate });
  }

  #observeInput({ name: input, counts, files = [] }: InputStatus): void {
    const { metrics } = this.#options;
    for (const [count, total] of Object.entries(counts)) {
      const [, kind, what] = /^(lines|bytes|rejected|refused)(?:\.(.+))?$/.exec(count) ?? [];
      if (kind === "lines") metrics.counter("millrace_agent_input_lines_total").follow(total, { input });
      if (kind === "bytes") metrics.counter("millrace_agent_input_bytes_total").follow(total, { input });
      if (kind === "rejected")
        metrics.counter("millrace_agent_input_rejected_total").follow(total, { input, reason: what });
      if (kind === "refused")
        metrics.counter("millrace_agent_input_refused_requests_total").follow(total, { input, status: what });
      if (count === "malformed_packets")
        metrics.counter("millrace_agent_input_malformed_packets_total").follow(total, { input });
      if (LIMITED.test(count))
        metrics.counter("millrace_agent_input_limited_total").follow(total, { input, what: count });
      if (HELD.test(count)) metrics.gauge("millrace_agent_input_held").set(total, { input, what: count });
    }
    for (const { path, lagBytes } of files)
      metrics.gauge("millrace_agent_input_lag_bytes").set(lagBytes, { input, file: path });
  }
}

/** Names in `InputStatus.counts` of the MQTT inputs. */
const LIMITED =
  /^(refused_(clients|rate|login|tls|publishes|retained|subscriptions)|oversized|queued_(dropped|expired)|sessions_forgotten)$/;
const HELD = /^(clients|sessions|queued_messages|queued_bytes|retained|retained_bytes|bytes_in_hand)$/;

const NO_SERIES =
  'no series known now has these labels; `"isNoneAllowed": true` begins the maintenance all the same';

function mistake(error: string): JsonAnswer {
  return { status: 400, body: { error } };
}

function fieldOf(body: unknown, name: string): unknown {
  return typeof body === "object" && body !== null
    ? Object.getOwnPropertyDescriptor(body, name)?.value
    : undefined;
}

/** For the audit trail; `user` is what our own commands say of who has typed them. */
function askedBy(body: unknown): string {
  const user = fieldOf(body, "user");
  return typeof user === "string" && user !== "" ? `command line: ${plainText(user, 64)}` : "status page";
}

/** Undefined where there are none, or one is no text. */
function labelsIn(body: unknown): Labels | undefined {
  const labels = fieldOf(body, "labels");
  if (typeof labels !== "object" || labels === null || Array.isArray(labels)) return undefined;
  const entries: [string, unknown][] = Object.entries(labels);
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return texts.length === entries.length ? Object.fromEntries(texts) : undefined;
}

/** The id of one alarm, or `all`. */
function parseReset(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  if ("all" in body && body.all === true) return "all";
  return "id" in body && typeof body.id === "string" ? body.id : undefined;
}
