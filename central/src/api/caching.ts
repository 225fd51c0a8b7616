import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";

/** To be asked for each time; who has it already is told so. */
export function fresh(reply: FastifyReply): FastifyReply {
  return reply.header("cache-control", "private, no-cache");
}

export function noStore(reply: FastifyReply): FastifyReply {
  return reply.header("cache-control", "no-store");
}

/** Who asks has it already. What is sent then is empty, and a stream: of anything else Fastify would tell a length, which is to be that of the answer with 200 (RFC 9110, 8.6). */
export function notModified(reply: FastifyReply): Readable {
  reply.code(304).removeHeader("content-type");
  return Readable.from([]);
}
