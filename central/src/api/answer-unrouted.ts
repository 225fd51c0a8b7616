import type { FastifyReply, FastifyRequest } from "fastify";
import type { Asset, Assets } from "./assets.ts";
import { problem } from "./problem.ts";
import type { RouteMethods } from "./route-methods.ts";
import { sendProblem } from "./send-problem.ts";

/** What is no route: a file of the dashboard, a path that is asked by another method, or nothing at all. */
export function answerUnrouted(
  request: FastifyRequest,
  reply: FastifyReply,
  { assets, methods: routes }: { readonly assets: Assets; readonly methods: RouteMethods },
): FastifyReply {
  const path = request.url.split("?", 1)[0] ?? "/";
  const methods = routes.of(path);
  const file = methods.length === 0 ? assets.get(path === "/" ? "index.html" : path.slice(1)) : undefined;
  const allowed = file === undefined ? methods : ["GET", "HEAD"];
  if (file !== undefined && allowed.includes(request.method)) return sendAsset(file, reply);
  if (allowed.length > 0) {
    reply.header("allow", allowed.join(", "));
    return sendProblem(reply, problem("method_not_allowed", `${path} takes ${allowed.join(", ")}`));
  }
  const detail =
    path === "/" ? "the dashboard is not built; the API is under /api/v1" : `${request.method} ${path}`;
  return sendProblem(reply, problem("not_found", detail));
}

function sendAsset(file: Asset, reply: FastifyReply): FastifyReply {
  const caching = file.isImmutable ? "public, max-age=31536000, immutable" : "no-cache";
  return reply.header("cache-control", caching).header("content-type", file.contentType).send(file.body);
}
