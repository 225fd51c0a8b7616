import { MillraceError } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import type { FastifyInstance } from "fastify";
import { fresh, noStore } from "../caching.ts";
import type { CentralReader } from "../central-reader.ts";
import { pipelineUses } from "../pipeline-uses.ts";
import { ProblemError } from "../problem.ts";
import type { Rights } from "../rights.ts";

/** A pipeline's text as JSON. */
const PIPELINE_REQUEST_BYTES_MAX = 2 * 1024 * 1024;

/** Central's own pipeline; which ones agents run, and others for them to run. */
export function addPipelineRoutes(
  app: FastifyInstance,
  { reader, rights, log }: { readonly reader: CentralReader; readonly rights: Rights; readonly log: Logger },
): void {
  app.get("/api/v1/pipeline", async (_request, reply) => fresh(reply).send(reader.pipeline()));
  app.get("/api/v1/pipelines", async (_request, reply) =>
    fresh(reply).send({ pipelines: pipelineUses(reader.agents()) }),
  );
  app.post("/api/v1/pipeline", { bodyLimit: PIPELINE_REQUEST_BYTES_MAX }, async (request, reply) => {
    const { text, wanted } = parsePush(request.body);
    const agents = reader.agents().filter(({ state }) => state !== "retired");
    const targets = agents.filter(({ agent, site }) => agent === wanted.agent || site === wanted.site);
    if (targets.length === 0)
      throw new ProblemError("unknown_agent", "no such agent or site is expected; /api/v1/agents lists them");
    const names = targets.map(({ agent }) => agent);
    const by = rights.callerOf(request)?.name ?? "API";
    const pushed = await reader.pushPipeline(names, text, by).catch((error: unknown) => {
      if (error instanceof MillraceError && error.domain === "user")
        throw new ProblemError("bad_request", error.explain());
      throw error;
    });
    log.info("a pipeline was pushed", { ...pushed });
    return noStore(reply).send(pushed);
  });
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
