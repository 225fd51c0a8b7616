import type { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { acceptsGzip } from "./accepts-gzip.ts";
import { notModified } from "./caching.ts";
import { isMatch } from "./etag.ts";

/** Smaller ones go in one packet as they are. */
const PACKED_BYTES_MIN = 1_024;
/** JSON, problems, metrics in both forms, pages, scripts, styles, vector graphics. */
const PACKABLE = /^text\/|[/+]json\b|\+xml\b|^application\/openmetrics-text\b/;

/** What an answer holds, before it is known in which form it goes out. */
interface Content {
  /** Strong tag of its bytes as they are; null: no client keeps it. */
  readonly tag: string | null;
  readonly bytes: number;
  /** Its bytes in gzip; null: no room now. */
  pack(): Promise<Buffer> | null;
}

/**
 * Chooses the representation of an answer (RFC 9110, 3.2), and sets what of the head belongs to it; the content type is to be set
 * before. What is sent: gzip, nothing where the client has it already, undefined: the content as it is.
 */
export async function representation(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { tag, bytes, pack }: Content,
): Promise<Buffer | Readable | undefined> {
  const isPackable = PACKABLE.test(String(reply.getHeader("content-type")));
  const isToBePacked = isPackable && bytes >= PACKED_BYTES_MIN && acceptsGzip(headers["accept-encoding"]);
  if (isPackable) vary(reply);
  const isKnown = tag !== null && isMatch(headers["if-none-match"], tag);
  const packed = isToBePacked && !isKnown ? await pack() : null;
  // A strong tag names one representation to the byte (8.8.1), and another zlib may pack the same otherwise: a weak one.
  const isWeak = isKnown ? isToBePacked : packed !== null;
  if (tag !== null) reply.header("etag", isWeak ? `W/${tag}` : tag);
  if (isKnown) return notModified(reply);
  if (packed === null) return undefined;
  reply.header("content-encoding", "gzip");
  return packed;
}

/** Also where it goes as it is: a cache is to know that there may be another (12.5.5). */
function vary(reply: FastifyReply): void {
  const already = reply.getHeader("vary");
  reply.header("vary", already === undefined ? "accept-encoding" : `${String(already)}, accept-encoding`);
}
