import { EVIDENCE_LIMIT_DEFAULT } from "./evidence-query.ts";
import {
  SERIES_LIMIT_DEFAULT,
  SERIES_LIMIT_MAX,
  SERIES_POINTS_DEFAULT,
  SERIES_POINTS_MAX,
} from "./series-query.ts";
import { WINDOWS_LIMIT_DEFAULT, WINDOWS_LIMIT_MAX } from "./window-query.ts";

const text = { type: "string" };
const integer = { type: "integer" };
const object = { type: "object" };

/** The API, described by hand; a test holds it against the routes. */
export const OPENAPI = {
  openapi: "3.1.0",
  info: {
    title: "Millrace central",
    version: "1",
    description:
      "Windows over all sites, their completeness, alarms and agents. Times are milliseconds since 1970, UTC.",
  },
  paths: {
    "/api/v1/windows": {
      get: get("Last revisions of a window, ascending by start", page("windows"), [
        query("window", "Name of the window", text, true),
        query("from", "Start at or after: milliseconds or ISO 8601", text),
        query("to", "Start before: milliseconds or ISO 8601", text),
        query("limit", `Most results, ${WINDOWS_LIMIT_DEFAULT} if not given`, {
          ...integer,
          minimum: 1,
          maximum: WINDOWS_LIMIT_MAX,
        }),
        query("cursor", "`cursor` of the page before", text),
        query("<label>", "Any other parameter is a label that the group must have, e.g. site=alpha", text),
      ]),
    },
    "/api/v1/series": {
      get: get(
        "The history of a metric by group: for each step what was in it, the same numbers at every zoom. Steps without anything are left out",
        page("series"),
        [
          query("metric", "Name of the metric", text, true),
          query("from", "From the step that holds this: milliseconds or ISO 8601", text, true),
          query("to", "Before; now if not given", text),
          query(
            "step",
            "10s, 1m, 1h, 1d or ms. The answer's stepMs is the next longer one that can be told, and longer where that far back only a coarser level is kept",
            text,
          ),
          query("maxPoints", `Without step: most points of a group, ${SERIES_POINTS_DEFAULT} if not given`, {
            ...integer,
            minimum: 1,
            maximum: SERIES_POINTS_MAX,
          }),
          query(
            "by",
            "The labels that it is grouped by, with commas; the fewest that will do if not given",
            text,
          ),
          query(
            "values",
            "Names with commas, as windows have them; count, min, max, mean, sum if not given",
            text,
          ),
          query("limit", `Most groups, ${SERIES_LIMIT_DEFAULT} if not given`, {
            ...integer,
            minimum: 1,
            maximum: SERIES_LIMIT_MAX,
          }),
          query("cursor", "`cursor` of the page before", text),
          query("<label>", "Any other parameter is a label that the group must have, e.g. site=alpha", text),
        ],
      ),
    },
    "/api/v1/windows/latest": {
      get: get("The newest window of each group", list("windows"), [
        query("window", "Name of the window; all if not given", text),
      ]),
    },
    "/api/v1/alarms": {
      get: get("Alarms at their latest step, active first", list("alarms"), [
        query("limit", "Most results", integer),
      ]),
    },
    "/api/v1/backup": {
      post: {
        summary:
          "A backup of the store at one moment, as `millrace-central restore` takes it; one at a time, only where control is allowed, or from the server's own machine",
        responses: {
          ...responses("Its bytes; one without its last frame was cut short", object),
          200: { description: "Its bytes; one without its last frame was cut short" },
        },
      },
    },
    "/api/v1/alarms/reset": {
      post: {
        summary:
          "Have an agent end a latched alarm whose condition is over; only where the server listens on loopback, or http.allowControl is true",
        requestBody: {
          required: true,
          content: {
            "application/json": {
              schema: { type: "object", properties: { agent: text, id: text }, required: ["agent", "id"] },
            },
          },
        },
        responses: responses("It is reset: the agent has answered", object),
      },
    },
    "/api/v1/alarms/{id}": {
      get: get(
        "One alarm, of each agent that has one with this id, and the evidence that belongs to it",
        list("alarms"),
        [
          { name: "id", in: "path", required: true, schema: text },
          query("agent", "The agent, where several have this id", text),
        ],
      ),
    },
    "/api/v1/evidence": {
      get: get("Evidence: payloads and recordings that came as a whole, the latest first", page("evidence"), [
        query("agent", "The agent that sent it", text),
        query("name", "As the pipeline calls it; of a recording, the rule", text),
        query("alarm", "Id of the alarm that it belongs to", text),
        query("state", "incomplete, checking or complete", text),
        query("from", "Event time at or after: milliseconds or ISO 8601", text),
        query("to", "Event time before: milliseconds or ISO 8601", text),
        query("limit", `Most results, ${EVIDENCE_LIMIT_DEFAULT} if not given`, integer),
        query("cursor", "`cursor` of the page before", text),
        query("<label>", "Any other parameter is a label that it must have, e.g. site=alpha", text),
      ]),
    },
    "/api/v1/evidence/{id}": {
      get: {
        summary: "What a complete piece of evidence holds, as it was sent",
        parameters: [{ name: "id", in: "path", required: true, schema: text }],
        responses: {
          ...responses("Its bytes, under the content type that the pipeline gives", object),
          200: { description: "Its bytes, under the content type that the pipeline gives" },
        },
      },
    },
    "/api/v1/agents": { get: get("Agents and how far their data is complete", list("agents"), []) },
    "/api/v1/ledger": {
      get: get("What arrived and what became of it, per agent and per stream of records", object, []),
    },
    "/api/v1/sinks": {
      get: get("Where windows and alarms go, and how far each has them", list("sinks"), []),
    },
    "/api/v1/records": {
      get: get(
        "Streams of records: positions, watermarks, ledger, what rules on them know",
        list("streams"),
        [],
      ),
    },
    "/api/v1/records/{stream}": {
      post: {
        summary:
          "Take records: a JSON object a line, or an array; answered once what became of them is durable. Sent again they count once. Only where control is allowed, or from the server's own machine",
        parameters: [{ name: "stream", in: "path", required: true, schema: text }],
        requestBody: {
          required: true,
          content: {
            "application/x-ndjson": { schema: text },
            "application/json": { schema: { type: "array", items: object } },
          },
        },
        responses: {
          ...responses(
            "How many were taken, duplicates, set aside, too late and rejected, and which of these",
            object,
          ),
          413: { description: "More than 16 MiB" },
          429: { description: "Faster than they can be made durable: send them again after Retry-After" },
        },
      },
    },
    "/api/v1/pipeline": {
      get: get("Metrics, windows, and the rules on records that central judges", object, []),
      post: {
        summary:
          "Have an agent, or all of a site, run this pipeline: validated there, applied without loss, kept until its file is changed; only where control is allowed, or from the server's own machine",
        requestBody: {
          required: true,
          content: {
            "application/json": {
              schema: {
                type: "object",
                properties: { pipeline: text, agent: text, site: text },
                required: ["pipeline"],
              },
            },
          },
        },
        responses: responses("Its version, and what became of it at each agent", object),
      },
    },
    "/api/v1/quarantine": {
      get: get("Messages that were not taken, newest first", list("entries"), [
        query("limit", "Most results", integer),
      ]),
    },
    "/api/v1/late": {
      get: get("Readings that came late for a window since the start, newest first", list("entries"), [
        query("limit", "Most results", integer),
      ]),
    },
    "/api/v1/sites/{site}/retire": {
      post: {
        summary: "No longer expect a site's agents, from now on",
        parameters: [{ name: "site", in: "path", required: true, schema: text }],
        responses: responses("How many agents were retired", object),
      },
    },
    "/api/v1/stream": {
      get: {
        summary: "Server-sent events: a `snapshot`, then `delta` frames at most 4 times a second",
        responses: { 200: { description: "The stream", content: { "text/event-stream": { schema: text } } } },
      },
    },
    "/api/v1/openapi.json": { get: get("This description", object, []) },
    "/metrics": {
      get: { summary: "Prometheus metrics", responses: { 200: { description: "Text exposition" } } },
    },
    "/healthz": {
      get: {
        summary: "Whether the process works",
        responses: { 200: { description: "It does" }, 503: { description: "It should be started again" } },
      },
    },
    "/readyz": {
      get: {
        summary: "Whether it takes data",
        responses: { 200: { description: "It does" }, 503: { description: "Not now" } },
      },
    },
  },
} as const;

function query(name: string, description: string, schema: object, required = false): object {
  return { name, in: "query", description, required, schema };
}

function get(summary: string, schema: object, parameters: readonly object[]): object {
  return { summary, parameters, responses: responses(summary, schema) };
}

function responses(description: string, schema: object): object {
  return {
    200: { description, content: { "application/json": { schema } } },
    default: {
      description: "A problem with `code` and `detail`",
      content: { "application/problem+json": { schema: object } },
    },
  };
}

function list(name: string): object {
  return { type: "object", properties: { [name]: { type: "array", items: object } } };
}

function page(name: string): object {
  return {
    type: "object",
    properties: { [name]: { type: "array", items: object }, cursor: { type: ["string", "null"] } },
  };
}
