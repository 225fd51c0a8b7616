import type { FastifyReply } from "fastify";

/** To be asked for each time; who has it already is told so. */
export function fresh(reply: FastifyReply): FastifyReply {
  return reply.header("cache-control", "private, no-cache");
}

export function noStore(reply: FastifyReply): FastifyReply {
  return reply.header("cache-control", "no-store");
}
