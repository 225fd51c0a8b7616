import type { FastifyRequest } from "fastify";
import { OPERATIONS } from "./operations.ts";
import type { Operation } from "./operations.ts";

/** What a request asks for; undefined: it is not in the table. */
export function operationOf({ method, routeOptions }: FastifyRequest): Operation | undefined {
  const path = (routeOptions.url ?? "").replaceAll(/:(\w+)/g, "{$1}");
  return OPERATIONS[`${method === "HEAD" ? "GET" : method} ${path}`];
}
