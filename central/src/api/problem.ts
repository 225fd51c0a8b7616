/** An answer that says what went wrong (RFC 9457, `application/problem+json`). */
export interface Problem {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
}

/** What a request says comes back in it, which may be long. */
const DETAIL_LENGTH_MAX = 1_000;
const TITLES = {
  bad_request: [400, "The request is not understood"],
  unknown_window: [404, "No such window"],
  unknown_metric: [404, "Nothing is kept of such a metric"],
  unknown_labels: [404, "The metric is not grouped by these labels"],
  unknown_values: [400, "Nothing is kept of such values of the metric"],
  too_much: [400, "More than an answer holds"],
  unknown_site: [404, "No such site"],
  unknown_stream: [404, "No such stream of records"],
  too_large: [413, "The request is too large"],
  unsupported: [415, "The request is in a form that is not read"],
  method_not_allowed: [405, "The method is not one of this path"],
  head_too_large: [431, "The request's head is too large"],
  too_slow: [408, "The request did not come to its end in time"],
  too_many_requests: [429, "Too many requests at once"],
  too_many_records: [429, "Records come too fast"],
  unknown_evidence: [404, "No such evidence"],
  unknown_entry: [404, "The quarantine has no such entry"],
  evidence_incomplete: [409, "The evidence is not complete"],
  unknown_agent: [404, "No such agent or site"],
  not_found: [404, "Nothing is here"],
  control_off: [403, "Nothing may be changed here"],
  login_needed: [401, "A login is needed"],
  wrong_login: [401, "User or password is wrong"],
  too_many_logins: [429, "Too many wrong logins"],
  not_allowed: [403, "Who asks may only look"],
  unknown_alarm: [404, "No such alarm"],
  condition_holds: [409, "The condition of the alarm still holds"],
  agent_away: [503, "The agent is not connected"],
  backup_runs: [409, "Another backup is being sent"],
  agent_busy: [503, "Too many requests wait for the agent"],
  no_answer: [504, "The agent has not answered"],
  unknown_host: [421, "The request is for another host"],
  foreign_origin: [403, "The request comes from another page"],
  too_many_clients: [503, "Too many open streams"],
  not_ready: [503, "Central is not ready"],
  internal: [500, "Central failed to answer"],
} as const;

export type ProblemCode = keyof typeof TITLES;

export function problem(code: ProblemCode, detail: string): Problem {
  const [status, title] = TITLES[code];
  const shown = detail.length <= DETAIL_LENGTH_MAX ? detail : `${detail.slice(0, DETAIL_LENGTH_MAX)}…`;
  return { type: "about:blank", title, status, code, detail: shown };
}

/** Thrown by a route's parsing; answered as a problem. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(code: ProblemCode, detail: string) {
    super(detail);
    this.problem = problem(code, detail);
  }
}
