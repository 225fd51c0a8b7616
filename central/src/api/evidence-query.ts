import type { EvidenceQuery } from "../evidence/evidence-query.ts";
import type { EvidenceState } from "../evidence/evidence-view.ts";
import { parseCursor } from "./page-cursor.ts";
import { parseTime } from "./parse-time.ts";
import { ProblemError } from "./problem.ts";
import { parseLimit, parseQuery } from "./window-query.ts";

export const EVIDENCE_LIMIT_DEFAULT = 100;
export const EVIDENCE_LIMIT_MAX = 1_000;
const STATES: readonly EvidenceState[] = ["incomplete", "checking", "complete"];
const RESERVED = new Set(["agent", "name", "alarm", "state", "from", "to", "limit", "cursor"]);

export const ANY_EVIDENCE: EvidenceQuery = {
  labels: {},
  agent: null,
  name: null,
  alarm: null,
  state: null,
  fromMs: Number.MIN_SAFE_INTEGER,
  toMs: Number.MAX_SAFE_INTEGER,
  limit: EVIDENCE_LIMIT_DEFAULT,
  cursor: null,
};

/** Reads a query for evidence; every parameter that it does not know is a label. */
export function parseEvidenceQuery(query: unknown, nowMs: number): EvidenceQuery {
  const values = parseQuery(query);
  return {
    labels: Object.fromEntries([...values].filter(([name]) => !RESERVED.has(name))),
    agent: values.get("agent") ?? null,
    name: values.get("name") ?? null,
    alarm: values.get("alarm") ?? null,
    state: parseState(values.get("state")),
    fromMs: parseTime(values.get("from"), "from", nowMs) ?? ANY_EVIDENCE.fromMs,
    toMs: parseTime(values.get("to"), "to", nowMs) ?? ANY_EVIDENCE.toMs,
    limit: parseLimit(values.get("limit"), EVIDENCE_LIMIT_DEFAULT, EVIDENCE_LIMIT_MAX),
    cursor: parseCursor(values.get("cursor"), (place) => /^-?\d+\.[^.]+$/.test(place)),
  };
}

function parseState(text: string | undefined): EvidenceState | null {
  if (text === undefined) return null;
  const state = STATES.find((each) => each === text);
  if (state === undefined)
    throw new ProblemError("bad_request", `state=${text} is not one of ${STATES.join(", ")}`);
  return state;
}
