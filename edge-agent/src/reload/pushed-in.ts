import { type Compression, type PipelineRequest, PIPELINE_BYTES_MAX } from "@millrace/wire";
import { versionOf } from "./pipeline-version.ts";
import type { PushedPipeline } from "./stored-pipeline.ts";

/** The pipeline in central's request; undefined where it is not the one that its version names. */
export function pushedIn(
  { version, pushedAtMs, body }: PipelineRequest,
  by: string,
  compression: Compression,
): PushedPipeline | undefined {
  try {
    const bytes = compression.decompress(Buffer.from(body, "base64"), PIPELINE_BYTES_MAX);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return versionOf(text) === version ? { text, version, pushedAtMs, by } : undefined;
  } catch {
    return undefined;
  }
}
