import type { FastifyInstance } from "fastify";
import { QUARANTINE_REASONS } from "../../ledger/quarantine-entry.ts";
import { fresh } from "../caching.ts";
import type { CentralReader } from "../central-reader.ts";
import { LIST_LIMIT_MAX } from "../list-page.ts";
import { wrongCursor } from "../page-cursor.ts";
import { ProblemError } from "../problem.ts";
import { requireSender } from "../require-sender.ts";
import { parseLimit, parseQuery } from "../window-query.ts";
import type { RecordTarget } from "./record-routes.ts";

const REASONS: readonly string[] = QUARANTINE_REASONS;
/** Before central is open. */
const NOTHING = { kept: { entries: 0, bytes: 0 }, dropped: { flood: 0, room: 0, age: 0 } };

/** What became of all that came, what was not taken, and what came late. */
export function addLedgerRoutes(
  app: FastifyInstance,
  { reader, records }: { readonly reader: CentralReader; readonly records: RecordTarget },
): void {
  app.get("/api/v1/ledger", async (_request, reply) => {
    const streams = records.recordStreams().map(({ stream, totals }) => [stream, totals] as const);
    return fresh(reply).send({
      sum: reader.ledgerSum(),
      agents: Object.fromEntries(reader.ledger()),
      records: Object.fromEntries(streams),
    });
  });
  app.get("/api/v1/quarantine", async (request, reply) => {
    const query = parseQuery(request.query);
    const limit = parseLimit(query.get("limit"), 100, LIST_LIMIT_MAX);
    const [agent, reason] = [query.get("agent"), query.get("reason")];
    if (agent !== undefined)
      requireSender(agent, {
        agents: reader.agents().map((each) => each.agent),
        streams: records.recordStreams().map(({ stream }) => stream),
        countsOf: (of) => reader.quarantineCounts({ agent: of }),
      });
    if (reason !== undefined && !REASONS.includes(reason))
      throw new ProblemError("bad_request", `reason=${reason} is not one of ${REASONS.join(", ")}`);
    const before = parseNumberCursor(query.get("cursor"));
    const of = { ...(agent === undefined ? {} : { agent }), ...(reason === undefined ? {} : { reason }) };
    const found = await reader.quarantine(limit + 1, { ...of, ...(before === null ? {} : { before }) });
    const { kept, dropped } = reader.quarantineCounts(of) ?? NOTHING;
    return fresh(reply).send({ ...numberedPage(found, limit), kept, dropped });
  });
  app.get<{ Params: { number: string } }>("/api/v1/quarantine/:number", async (request, reply) => {
    const { number } = request.params;
    const before = /^\d{1,15}$/.test(number) ? Number(number) + 1 : 0;
    const [entry] = await reader.quarantine(1, { before });
    if (entry === undefined || entry.number !== before - 1)
      throw new ProblemError("unknown_entry", "/api/v1/quarantine lists what there is");
    return fresh(reply).send(entry);
  });
  app.get("/api/v1/late", async (request, reply) => {
    const query = parseQuery(request.query);
    const limit = parseLimit(query.get("limit"), 100, LIST_LIMIT_MAX);
    const found = reader.late(limit + 1, parseNumberCursor(query.get("cursor")));
    return fresh(reply).send(numberedPage(found, limit));
  });
}

/** Of a list whose entries are numbered, the newest first. */
function parseNumberCursor(text: string | undefined): number | null {
  if (text === undefined || text === "") return null;
  if (!/^\d{1,15}$/.test(text)) throw wrongCursor(text);
  return Number(text);
}

/** @param found one more than the page holds, where there is more */
function numberedPage<Entry extends { readonly number: number }>(
  found: readonly Entry[],
  limit: number,
): { readonly entries: readonly Entry[]; readonly cursor: string | null } {
  const entries = found.slice(0, limit);
  const last = found.length > limit ? entries.at(-1) : undefined;
  return { entries, cursor: last === undefined ? null : String(last.number) };
}
