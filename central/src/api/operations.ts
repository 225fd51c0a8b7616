import { OPEN_METRICS_TYPE } from "@millrace/runtime";
import { z } from "zod";
import { QUARANTINE_REASONS } from "../ledger/quarantine-entry.ts";
import type { ANSWERS } from "./answers.ts";
import { EVIDENCE_LIMIT_DEFAULT, EVIDENCE_LIMIT_MAX } from "./evidence-query.ts";
import { LIST_LIMIT_MAX } from "./list-page.ts";
import type { ProblemCode } from "./problem.ts";
import {
  SERIES_LIMIT_DEFAULT,
  SERIES_LIMIT_MAX,
  SERIES_POINTS_DEFAULT,
  SERIES_POINTS_MAX,
} from "./series-query.ts";
import { WINDOWS_LIMIT_DEFAULT, WINDOWS_LIMIT_MAX } from "./window-query.ts";

/** Who may ask: everybody, whoever may read, or whoever may change something. */
export type Right = "anyone" | "read" | "operate";

/** One route: who may ask what, and what is answered. The description of the API and the check of rights are made of it. */
export interface Operation {
  readonly summary: string;
  readonly right: Right;
  readonly query?: readonly QueryParameter[];
  /** Any other parameter is a label that what is asked for must have, e.g. `site=alpha`. */
  readonly takesLabels?: true;
  /** Of what is sent, by its content type. */
  readonly body?: Readonly<Record<string, z.ZodType>>;
  /** A name in ANSWERS, or the content type of what is no JSON. */
  readonly answer: keyof typeof ANSWERS | `${string}/${string}`;
  /** Other content types of it, by what is accepted. */
  readonly orAs?: readonly `${string}/${string}`[];
  /** Beside those that any request can meet. */
  readonly problems?: readonly ProblemCode[];
  /** Statuses other than 200 that carry the answer too, and what they mean. */
  readonly alsoAt?: Readonly<Record<number, string>>;
}

export interface QueryParameter {
  readonly name: string;
  readonly summary: string;
  readonly schema: z.ZodType;
  readonly isRequired?: true;
}

const text = z.string();

function parameter(name: string, summary: string, schema: z.ZodType = text): QueryParameter {
  return { name, summary, schema };
}

/** What a time may be; the description's head says it at length. */
const TIME = "milliseconds, ISO 8601, now, or before now such as -15m";

const CURSOR = parameter(
  "cursor",
  "`cursor` of the page before; a page may be empty and not the last, where few entries are asked for of many",
);

function limit(otherwise: number, max: number): QueryParameter {
  return parameter("limit", `Most of them, ${otherwise} if not given`, z.int().min(1).max(max));
}

/** As they stand in a query. */
export function parameterNames({ query = [] }: Operation): string[] {
  return query.map(({ name }) => name);
}

/** By method and path; `{…}` in the path is a parameter. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  "GET /api/v1/windows": {
    summary: "Last revisions of a window, ascending by start",
    right: "read",
    query: [
      { ...parameter("window", "Name of the window"), isRequired: true },
      parameter("from", `Start at or after: ${TIME}`),
      parameter("to", `Start before: ${TIME}`),
      limit(WINDOWS_LIMIT_DEFAULT, WINDOWS_LIMIT_MAX),
      CURSOR,
    ],
    takesLabels: true,
    answer: "WindowPage",
    problems: ["unknown_window"],
  },
  "GET /api/v1/windows/latest": {
    summary:
      "The newest window of each group that had one of late: within the window's size and slide before the newest of all, or among its last 2,000 results. Up to 100,000 results are looked at; `searchedAfterMs` says where that ended",
    right: "read",
    query: [
      parameter("window", "Name of the window; all if not given"),
      limit(LIST_LIMIT_MAX, LIST_LIMIT_MAX),
      CURSOR,
    ],
    answer: "LatestWindows",
    problems: ["unknown_window"],
  },
  "GET /api/v1/series": {
    summary:
      "The history of a metric by group: for each step what was in it, the same numbers at every zoom. Steps without anything are left out",
    right: "read",
    query: [
      { ...parameter("metric", "Name of the metric"), isRequired: true },
      { ...parameter("from", `From the step that holds this: ${TIME}`), isRequired: true },
      parameter("to", "Before; now if not given"),
      parameter(
        "step",
        "10s, 1m, 1h, 1d or ms: any whole number of seconds; of 10 s, minutes, hours or days where the metric's panes are longer than 1 s, 10 s, 1 min or 1 h, or only such a level is kept that far back. Another one becomes the next longer one: the answer says stepMs",
      ),
      parameter(
        "maxPoints",
        `Without step, beside which it is refused: most points of a group, ${SERIES_POINTS_DEFAULT} if not given`,
        z.int().min(1).max(SERIES_POINTS_MAX),
      ),
      parameter("by", "The labels that it is grouped by, with commas; the fewest that will do if not given"),
      parameter(
        "values",
        "Names with commas, as windows have them; of count, min, max, mean, sum what the metric keeps, if not given",
      ),
      limit(SERIES_LIMIT_DEFAULT, SERIES_LIMIT_MAX),
      CURSOR,
    ],
    takesLabels: true,
    answer: "SeriesPage",
    problems: ["unknown_metric", "unknown_labels", "unknown_values", "too_much"],
  },
  "GET /api/v1/alarms": {
    summary:
      "Alarms at their latest step, by agent and id: what changes of an alarm moves it to no other page",
    right: "read",
    query: [
      parameter(
        "active",
        "true: only those that are active; false: only those that are over; all if not given",
        z.enum(["true", "false"]),
      ),
      limit(1_000, LIST_LIMIT_MAX),
      CURSOR,
    ],
    answer: "AlarmPage",
  },
  "GET /api/v1/alarms/{id}": {
    summary: "One alarm, of each agent that has one with this id, and the evidence that belongs to it",
    right: "read",
    query: [parameter("agent", "The agent, where several have this id")],
    answer: "AlarmWithEvidence",
    problems: ["unknown_alarm"],
  },
  "POST /api/v1/alarms/reset": {
    summary:
      "End a latched alarm whose condition is over: an agent's, answered once the agent has, or with agent \"\" one of central's own rules",
    right: "operate",
    body: { "application/json": z.strictObject({ agent: text, id: text }) },
    answer: "Reset",
    problems: ["unknown_agent", "unknown_alarm", "condition_holds", "agent_away", "agent_busy", "no_answer"],
  },
  "GET /api/v1/evidence": {
    summary: "Evidence: payloads and recordings that came as a whole, the latest first",
    right: "read",
    query: [
      parameter("agent", "The agent that sent it"),
      parameter("name", "As the pipeline calls it; of a recording, the rule"),
      parameter("alarm", "Id of the alarm that it belongs to"),
      parameter("state", "incomplete, checking or complete", z.enum(["incomplete", "checking", "complete"])),
      parameter("from", `Event time at or after: ${TIME}`),
      parameter("to", `Event time before: ${TIME}`),
      limit(EVIDENCE_LIMIT_DEFAULT, EVIDENCE_LIMIT_MAX),
      CURSOR,
    ],
    takesLabels: true,
    answer: "EvidencePage",
  },
  "GET /api/v1/evidence/{id}": {
    summary:
      "What a complete piece of evidence holds, as it was sent, under the content type that the pipeline gives",
    right: "read",
    answer: "*/*",
    problems: ["unknown_evidence", "evidence_incomplete"],
  },
  "GET /api/v1/sites": {
    summary: "Sites: their agents, and how far all of their data is complete",
    right: "read",
    query: [limit(1_000, LIST_LIMIT_MAX), CURSOR],
    answer: "SitePage",
  },
  "POST /api/v1/sites/{site}/retire": {
    summary: "No longer expect a site's agents, from now on",
    right: "operate",
    answer: "RetiredSite",
    problems: ["unknown_site"],
  },
  "POST /api/v1/agents/{agent}/retire": {
    summary: "No longer expect an agent, from now on",
    right: "operate",
    answer: "RetiredAgent",
    problems: ["unknown_agent"],
  },
  "GET /api/v1/agents": {
    summary: "Agents and how far their data is complete",
    right: "read",
    query: [parameter("site", "Only those of this site"), limit(LIST_LIMIT_MAX, LIST_LIMIT_MAX), CURSOR],
    answer: "AgentPage",
    problems: ["unknown_site"],
  },
  "GET /api/v1/ledger": {
    summary: "What arrived and what became of it, per agent and per stream of records",
    right: "read",
    answer: "Ledger",
  },
  "GET /api/v1/sinks": {
    summary: "Where windows and alarms go, and how far each has them",
    right: "read",
    answer: "Sinks",
  },
  "GET /api/v1/records": {
    summary: "Streams of records: positions, watermarks, ledger",
    right: "read",
    answer: "RecordStreams",
  },
  "POST /api/v1/records/{stream}": {
    summary:
      "Take records: a JSON object a line, or an array, up to 16 MiB, also in gzip (`Content-Encoding`); answered once what became of them is durable. Sent again they count once",
    right: "operate",
    body: { "application/x-ndjson": text, "application/json": z.array(z.record(text, z.unknown())) },
    answer: "RecordOutcome",
    problems: ["unknown_stream", "too_many_records"],
  },
  "GET /api/v1/pipeline": { summary: "Central's metrics and windows", right: "read", answer: "Pipeline" },
  "POST /api/v1/pipeline": {
    summary:
      "Have an agent, or all of a site, run this pipeline: validated there, applied without loss, kept until its file is changed",
    right: "operate",
    body: {
      "application/json": z.strictObject({ pipeline: text, agent: text.optional(), site: text.optional() }),
    },
    answer: "PipelinePush",
    problems: ["unknown_agent"],
  },
  "GET /api/v1/pipelines": {
    summary: "Versions of the pipeline file, and which agents run each",
    right: "read",
    answer: "PipelineUses",
  },
  "GET /api/v1/quarantine": {
    summary: "Messages and records that were not taken, newest first",
    right: "read",
    query: [
      parameter("agent", "Of this agent, or this stream and partition, such as orders/0"),
      parameter("reason", "For this reason", z.enum(QUARANTINE_REASONS)),
      limit(100, LIST_LIMIT_MAX),
      CURSOR,
    ],
    answer: "QuarantinePage",
    problems: ["unknown_agent"],
  },
  "GET /api/v1/quarantine/{number}": {
    summary: "One of them",
    right: "read",
    answer: "QuarantineEntry",
    problems: ["unknown_entry"],
  },
  "GET /api/v1/late": {
    summary: "Readings that came late for a window since the start, newest first",
    right: "read",
    query: [limit(100, LIST_LIMIT_MAX), CURSOR],
    answer: "LatePage",
  },
  "POST /api/v1/backup": {
    summary:
      "A backup of the store at one moment, as `millrace-central restore` takes it; one at a time. One without its last frame was cut short",
    right: "operate",
    answer: "application/octet-stream",
    problems: ["backup_runs"],
  },
  "GET /api/v1/stream": {
    summary:
      "Server-sent events: a `snapshot`, then `delta` frames at most 4 times a second, of what has changed: as many as it takes, of at most 1,000 agents, alarms and windows each; `truncated` counts changes of windows that were left out, since more than 50,000 waited. With `Last-Event-ID`, or `lastEventId`, it goes on behind that frame where it still can, else with a new snapshot",
    right: "read",
    query: [parameter("lastEventId", "As the header, for clients that cannot send it")],
    answer: "text/event-stream",
    problems: ["too_many_clients"],
  },
  "GET /api/v1/session": {
    summary: "Who asks, as far as is known, and whether a login is needed",
    right: "anyone",
    answer: "Session",
  },
  "POST /api/v1/session": {
    summary: "Log in: sets a cookie that lasts 12 hours",
    right: "anyone",
    body: { "application/json": z.strictObject({ user: text, password: text }) },
    answer: "Session",
    problems: ["wrong_login", "too_many_logins", "foreign_origin", "too_large", "unsupported"],
  },
  "DELETE /api/v1/session": {
    summary: "Log out",
    right: "anyone",
    answer: "Session",
    problems: ["foreign_origin"],
  },
  "GET /api/v1/openapi.json": { summary: "This description", right: "anyone", answer: "application/json" },
  "GET /metrics": {
    summary: "Prometheus metrics",
    right: "read",
    answer: "text/plain",
    orAs: [OPEN_METRICS_TYPE],
  },
  "GET /healthz": {
    summary: "Whether the process works",
    right: "anyone",
    answer: "Alive",
    alsoAt: { 503: "It should be started again" },
  },
  "GET /readyz": {
    summary: "Whether it takes data",
    right: "anyone",
    answer: "Ready",
    alsoAt: { 503: "Not now" },
  },
};
