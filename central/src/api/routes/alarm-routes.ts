import { nearestName } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import type { FastifyInstance } from "fastify";
import { fresh, noStore } from "../caching.ts";
import type { CentralReader, ResetOutcome } from "../central-reader.ts";
import { ANY_EVIDENCE } from "../evidence-query.ts";
import { LIST_LIMIT_MAX, listPage } from "../list-page.ts";
import { ProblemError } from "../problem.ts";
import type { Rights } from "../rights.ts";
import { parseFlag, parseQuery } from "../window-query.ts";

/** What a request to an agent takes; its ids are shorter. Those of central's own rules are as long as the labels in them. */
const AGENT_ALARM_ID_LENGTH_MAX = 1_024;

/** Alarms at their latest step, and the end of those that are latched. */
export function addAlarmRoutes(
  app: FastifyInstance,
  { reader, rights, log }: { readonly reader: CentralReader; readonly rights: Rights; readonly log: Logger },
): void {
  app.get("/api/v1/alarms", async (request, reply) => {
    const query = parseQuery(request.query);
    const isActive = parseFlag(query.get("active"), "active");
    const alarms = reader.alarms().filter((each) => isActive === null || each.isActive === isActive);
    const { items, cursor } = listPage(alarms, query, {
      // All else of an alarm may change between two pages.
      keyOf: ({ agent, id }) => [agent, id],
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
  app.post("/api/v1/alarms/reset", async (request, reply) => {
    const { agent, id } = parseReset(request.body);
    requireAgent(
      agent,
      reader.agents().map((each) => each.agent),
    );
    const by = rights.callerOf(request)?.name ?? (request.headers.origin === undefined ? "API" : "page");
    const outcome = await reader.resetAlarm(agent, id, by);
    log.info("a reset was asked for", { agent, alarm: id, by, outcome });
    if (outcome !== "done") throw resetProblem(outcome, agent);
    return noStore(reply).send({ agent, id });
  });
}

/** "" is central itself. */
function requireAgent(agent: string, known: readonly string[]): void {
  if (agent === "" || known.includes(agent)) return;
  const nearest = nearestName(agent, known);
  const wayOut = nearest === undefined ? "/api/v1/agents lists them" : `did you mean ${nearest}?`;
  throw new ProblemError("unknown_agent", `central knows no agent ${agent}; ${wayOut}`);
}

function parseReset(body: unknown): { readonly agent: string; readonly id: string } {
  if (typeof body === "object" && body !== null && "agent" in body && "id" in body) {
    const { agent, id } = body;
    if (typeof agent === "string" && typeof id === "string" && id !== "")
      if (agent === "" || id.length <= AGENT_ALARM_ID_LENGTH_MAX) return { agent, id };
  }
  throw new ProblemError("bad_request", 'expected { "agent": "…", "id": "…" }, as /api/v1/alarms has them');
}

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
