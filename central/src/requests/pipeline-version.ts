import { createHash } from "node:crypto";

/** The first 12 digits of the file's SHA-256, as agents tell it and `sha256sum` has it. */
export function pipelineVersion(file: Uint8Array): string {
  return createHash("sha256").update(file).digest("hex").slice(0, 12);
}
