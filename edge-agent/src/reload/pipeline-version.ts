import { createHash } from "node:crypto";

/** Which pipeline, and where it comes from. */
export interface PipelineVersion {
  /** The first 12 hex digits of the text's SHA-256, as `sha256sum` has it. */
  readonly version: string;
  /** `file`: the one that agent.yaml names. */
  readonly source: "file" | "central";
  /** Central's clock when it was pushed, ms; null of a file. */
  readonly pushedAtMs: number | null;
  /** Who pushed it; null of a file. */
  readonly by: string | null;
}

export function versionOf(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex").slice(0, 12);
}
