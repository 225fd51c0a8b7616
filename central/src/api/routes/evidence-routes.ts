import { Readable } from "node:stream";
import type { Clock } from "@millrace/runtime";
import type { FastifyInstance } from "fastify";
import { fresh, notModified } from "../caching.ts";
import type { CentralReader } from "../central-reader.ts";
import { isMatch } from "../etag.ts";
import { parseEvidenceQuery } from "../evidence-query.ts";
import { cursorText } from "../page-cursor.ts";
import { ProblemError } from "../problem.ts";
import { requireEvidenceLabels } from "../required-names.ts";

/** Pieces of evidence, and what a complete one holds. */
export function addEvidenceRoutes(
  app: FastifyInstance,
  { reader, clock }: { readonly reader: CentralReader; readonly clock: Clock },
): void {
  app.get("/api/v1/evidence", async (request, reply) => {
    const query = parseEvidenceQuery(request.query, clock.nowMs());
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
    if (isMatch(request.headers["if-none-match"], tag)) return fresh(reply).send(notModified(reply));
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
}
