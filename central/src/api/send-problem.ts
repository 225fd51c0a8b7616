import type { FastifyReply } from "fastify";
import { noStore } from "./caching.ts";
import type { Problem } from "./problem.ts";

export function sendProblem(reply: FastifyReply, body: Problem): FastifyReply {
  return noStore(reply)
    .code(body.status)
    .header("content-type", "application/problem+json; charset=utf-8")
    .send(JSON.stringify(body));
}
