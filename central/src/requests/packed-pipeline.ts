import { MillraceError } from "@millrace/runtime";
import {
  type Compression,
  PIPELINE_BODY_LENGTH_MAX,
  PIPELINE_BYTES_MAX,
  type PipelineRequest,
} from "@millrace/wire";
import { pipelineVersion } from "./pipeline-version.ts";

/** A pipeline as agents are sent it. Throws `pipeline_too_large`. */
export function packedPipeline(text: string, nowMs: number, compression: Compression): PipelineRequest {
  const bytes = new TextEncoder().encode(text);
  const tooLarge = (bytesMax: number) => new MillraceError("pipeline_too_large", { bytesMax });
  if (bytes.length > PIPELINE_BYTES_MAX) throw tooLarge(PIPELINE_BYTES_MAX);
  const body = Buffer.from(compression.compress(bytes)).toString("base64");
  if (body.length > PIPELINE_BODY_LENGTH_MAX) throw tooLarge(PIPELINE_BODY_LENGTH_MAX);
  return { version: pipelineVersion(bytes), pushedAtMs: nowMs, body };
}
