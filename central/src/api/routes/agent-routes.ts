import type { FastifyInstance } from "fastify";
import { fresh, noStore } from "../caching.ts";
import type { CentralReader } from "../central-reader.ts";
import { LIST_LIMIT_MAX, listPage } from "../list-page.ts";
import { ProblemError } from "../problem.ts";
import { siteViews } from "../site-views.ts";
import { parseQuery } from "../window-query.ts";

/** Agents and their sites, until they are retired. */
export function addAgentRoutes(app: FastifyInstance, reader: CentralReader): void {
  app.get("/api/v1/agents", async (request, reply) => {
    const query = parseQuery(request.query);
    const site = query.get("site");
    const all = reader.agents();
    const agents = site === undefined ? all : all.filter((each) => each.site === site);
    if (site !== undefined && agents.length === 0)
      throw new ProblemError("unknown_site", `no agent is of site ${site}; /api/v1/sites lists them`);
    const { items, cursor } = listPage(agents, query, {
      keyOf: ({ agent }) => [agent],
      limitDefault: LIST_LIMIT_MAX,
    });
    return fresh(reply).send({ agents: items, cursor });
  });
  app.get("/api/v1/sites", async (request, reply) => {
    const sites = siteViews(reader.agents(), reader.alarms());
    const { items, cursor } = listPage(sites, parseQuery(request.query), {
      keyOf: ({ site }) => [site],
      limitDefault: 1_000,
    });
    return fresh(reply).send({ sites: items, cursor });
  });
  app.post<{ Params: { site: string } }>("/api/v1/sites/:site/retire", async (request, reply) => {
    const { site } = request.params;
    const count = await reader.retire({ site });
    if (count === 0)
      throw new ProblemError(
        "unknown_site",
        `no agent of site ${site} is expected; /api/v1/agents lists them`,
      );
    return noStore(reply).send({ site, agentsRetired: count });
  });
  app.post<{ Params: { agent: string } }>("/api/v1/agents/:agent/retire", async (request, reply) => {
    const { agent } = request.params;
    const count = await reader.retire({ agent });
    if (count === 0)
      throw new ProblemError("unknown_agent", `no agent ${agent} is expected; /api/v1/agents lists them`);
    return noStore(reply).send({ agent, agentsRetired: count });
  });
}
