import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";

/** A strong entity tag (RFC 9110, 8.8.3) of an answer's bytes. */
export function etag(body: string | Uint8Array): string {
  return etagOf(createHash("sha256").update(body));
}

/** The same of bytes that a SHA-256 has been told of. */
export function etagOf(hash: Hash): string {
  return `"${hash.digest("base64url").slice(0, 22)}"`;
}

/** Whether an If-None-Match header names this tag: compared weakly, as RFC 9110, 13.1.2 has it. */
export function isMatch(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((each) => each.trim() === "*" || each.trim().replace(/^W\//, "") === tag);
}
