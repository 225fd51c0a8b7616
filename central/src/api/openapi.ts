import { z } from "zod";
import { ANSWERS } from "./answers.ts";
import { OPERATIONS } from "./operations.ts";
import type { Operation, QueryParameter, Right } from "./operations.ts";
import { problem } from "./problem.ts";
import { SESSION_COOKIE } from "./session-cookie.ts";
import type { ProblemCode } from "./problem.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** What a client can meet at every route. */
const COMMON: readonly ProblemCode[] = [
  "bad_request",
  "too_slow",
  "unknown_host",
  "too_many_requests",
  "head_too_large",
  "not_ready",
  "internal",
];
/** Beside these, by who may ask. */
const BY_RIGHT: Readonly<Record<Right, readonly ProblemCode[]>> = {
  anyone: [],
  read: ["login_needed"],
  operate: ["login_needed", "not_allowed", "control_off", "foreign_origin", "too_large", "unsupported"],
};

/** Each a parameter of its own. */
const LABELS = {
  name: "labels",
  in: "query",
  description: "Any other parameter is a label that it must have, e.g. site=alpha",
  required: false,
  style: "form",
  explode: true,
  schema: { type: "object", additionalProperties: { type: "string" } },
};

/** The API's description, OpenAPI 3.1: paths from the table of operations, schemas from those of the answers. */
export const OPENAPI = {
  openapi: "3.1.0",
  info: {
    title: "Millrace central",
    version: "1",
    description:
      "Windows over all sites, their completeness, alarms and agents. Times are milliseconds since 1970, UTC; in a query they may also be ISO 8601 (UTC where no zone is named), `now` by central's clock, or so long before it: `-15m` or `now-15m`, in ms, s, m, h or d. Answers may gain fields: ignore those that you do not know. Whatever goes wrong is a problem document (RFC 9457) with a `code`. Answers to GET carry an ETag; `If-None-Match` spares what has not changed. JSON and text come in gzip to whoever accepts it.",
  },
  paths: paths(),
  components: {
    schemas: schemas(),
    securitySchemes: {
      token: { type: "http", scheme: "bearer", description: "`http.tokens` of central.yaml" },
      session: { type: "apiKey", in: "cookie", name: SESSION_COOKIE, description: "POST /api/v1/session" },
    },
  },
};

function paths(): Record<string, Record<string, JsonObject>> {
  const found: Record<string, Record<string, JsonObject>> = {};
  for (const [route, operation] of Object.entries(OPERATIONS)) {
    const [method = "", path = ""] = route.split(" ");
    (found[path] ??= {})[method.toLowerCase()] = described(path, operation);
  }
  return found;
}

function described(path: string, operation: Operation): JsonObject {
  const { summary, right, query = [], takesLabels, body } = operation;
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  return {
    summary,
    // Where central knows neither users nor tokens, nothing is asked for.
    security: right === "anyone" ? [] : [{ token: [] }, { session: [] }, {}],
    "x-millrace-role": right,
    parameters: [...inPath, ...query.map(queryParameter), ...(takesLabels === true ? [LABELS] : [])],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: Object.fromEntries(
              Object.entries(body).map(([type, schema]) => [type, { schema: jsonSchema(schema) }]),
            ),
          },
        }),
    responses: responses(operation),
  };
}

function queryParameter({ name, summary, schema, isRequired }: QueryParameter) {
  return {
    name,
    in: "query",
    description: summary,
    required: isRequired ?? false,
    schema: jsonSchema(schema),
  };
}

function responses({ summary, right, answer, orAs = [], alsoAt = {}, problems = [] }: Operation): JsonObject {
  const content =
    answer in ANSWERS
      ? { "application/json": { schema: reference(answer) } }
      : Object.fromEntries([answer, ...orAs].map((type) => [type, {}]));
  const found: Record<string, JsonObject> = { 200: { description: summary, content } };
  for (const [status, description] of Object.entries(alsoAt)) found[status] = { description, content };
  const codes = [...COMMON, ...BY_RIGHT[right], ...problems];
  for (const [status, those] of Map.groupBy(codes, (code) => problem(code, "").status)) {
    if (status in found) continue;
    found[status] = {
      description: those.map((code) => `\`${code}\`: ${problem(code, "").title}`).join(". "),
      content: { "application/problem+json": { schema: reference("Problem") } },
    };
  }
  return found;
}

function reference(name: string): { $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}

function schemas(): Record<string, JsonObject> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(ANSWERS)) registry.add(schema, { id });
  const { schemas: found } = z.toJSONSchema(registry, { uri: (id) => reference(id).$ref, override: plain });
  return Object.fromEntries(Object.entries(found).map(([name, schema]) => [name, withoutNames(schema)]));
}

function jsonSchema(schema: z.ZodType): JsonObject {
  return withoutNames(z.toJSONSchema(schema, { override: plain, io: "input" }));
}

function withoutNames({ $schema: _schema, $id: _id, ...schema }: JsonObject): JsonObject {
  return schema;
}

/** Answers may gain fields, and the bounds of whole numbers are those of every JSON number. */
function plain({ jsonSchema: schema }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (schema.additionalProperties === false) delete schema.additionalProperties;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
}
