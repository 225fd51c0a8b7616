import type { Labels } from "@millrace/stream";
import { JsonFields, parseJsonBytes } from "./json-fields.ts";
import type { Parsed } from "./parsed.ts";

/** payload: one message that was taken as a whole; recording: the raw readings around an alarm. */
export const EVIDENCE_KINDS = ["payload", "recording"] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];

/** One piece of evidence: what its parts become once they are together. Every part carries it whole. */
export interface EvidenceManifest {
  /** 32 lower-case hex digits. The same evidence, sealed again, has the same. */
  readonly id: string;
  readonly kind: EvidenceKind;
  /** As the pipeline calls it; of a recording, the rule. */
  readonly name: string;
  readonly labels: Labels;
  /** Event time; of a recording, of its first and its last reading. */
  readonly startMs: number;
  readonly endMs: number;
  readonly contentType: string;
  /** Of all parts together; 64 lower-case hex digits. */
  readonly sha256: string;
  readonly bytes: number;
  /** Of every part but the last. */
  readonly partBytes: number;
  /** Id of the alarm that it belongs to. */
  readonly alarm?: string;
}

/** One part as it travels: a batch of kind `evidence` is one. */
export interface EvidencePart {
  readonly manifest: EvidenceManifest;
  /** From 0. */
  readonly part: number;
  readonly data: Uint8Array;
}

/** Greatest piece of evidence. */
export const EVIDENCE_BYTES_MAX = 64 * 1024 * 1024;
/** What an agent cuts evidence into: a part delays a heartbeat behind it no more than a batch of panes does. */
export const EVIDENCE_PART_BYTES = 64 * 1024;
const PART_BYTES_MIN = 1024;
const PART_BYTES_MAX = 256 * 1024;
const MANIFEST_BYTES_MAX = 64 * 1024;
const NAME_LENGTH_MAX = 512;
const LABEL_BOUNDS = { countMax: 64, nameLengthMax: NAME_LENGTH_MAX } as const;
const LENGTH_BYTES = 4;

/** How many parts there are; one where there is nothing in it. */
export function evidencePartCount({
  bytes,
  partBytes,
}: Pick<EvidenceManifest, "bytes" | "partBytes">): number {
  return Math.max(1, Math.ceil(bytes / partBytes));
}

/*
 * The body of a batch of kind `evidence`; numbers big-endian:
 *
 *    0  4  bytes of the manifest
 *    4  …  JSON, UTF-8: the manifest's fields, and `part`
 *    …  …  the part's bytes of the payload, to the end
 */
export function encodeEvidencePart({ manifest, part, data }: EvidencePart): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify({ ...manifest, part }));
  const bytes = new Uint8Array(LENGTH_BYTES + json.length + data.length);
  new DataView(bytes.buffer).setUint32(0, json.length);
  bytes.set(json, LENGTH_BYTES);
  bytes.set(data, LENGTH_BYTES + json.length);
  return bytes;
}

/** Never throws. The part has the length that its manifest gives it; `data` is a view of `body`. */
export function decodeEvidencePart(body: Uint8Array): Parsed<EvidencePart> {
  if (body.length < LENGTH_BYTES) return malformed(`${body.length} bytes`);
  const manifestBytes = new DataView(body.buffer, body.byteOffset, body.byteLength).getUint32(0);
  const dataFrom = LENGTH_BYTES + manifestBytes;
  if (dataFrom > body.length) return malformed("its manifest is longer than the part");
  const json = parseJsonBytes(body.subarray(LENGTH_BYTES, dataFrom), MANIFEST_BYTES_MAX);
  if (!json.ok) return json;
  const fields = new JsonFields(json.message);
  const manifest = readManifest(fields);
  const partCount = evidencePartCount(manifest);
  const part = fields.integer("part", 0, partCount - 1);
  const data = body.subarray(dataFrom);
  const bytesLeft = manifest.bytes - part * manifest.partBytes;
  fields.require(data.length === Math.min(bytesLeft, manifest.partBytes), "part", "has another length");
  return fields.result({ manifest, part, data });
}

function readManifest(fields: JsonFields): EvidenceManifest {
  const startMs = fields.integer("startMs");
  return {
    id: fields.text("id", 32, /^[0-9a-f]{32}$/),
    kind: fields.oneOf("kind", EVIDENCE_KINDS),
    name: fields.text("name", NAME_LENGTH_MAX),
    labels: fields.record("labels", LABEL_BOUNDS, isLabel),
    startMs,
    endMs: fields.integer("endMs", startMs),
    contentType: fields.text("contentType", NAME_LENGTH_MAX, CONTENT_TYPE),
    sha256: fields.text("sha256", 64, /^[0-9a-f]{64}$/),
    bytes: fields.integer("bytes", 0, EVIDENCE_BYTES_MAX),
    partBytes: fields.integer("partBytes", PART_BYTES_MIN, PART_BYTES_MAX),
    ...(fields.has("alarm") ? { alarm: fields.text("alarm", NAME_LENGTH_MAX) } : {}),
  };
}

/** A media type with parameters, as it may stand in a header of HTTP. */
export const CONTENT_TYPE =
  /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; ?[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[ !#-[\]-~]*"))*$/;

function isLabel(value: unknown): value is string {
  return typeof value === "string" && value.length <= NAME_LENGTH_MAX;
}

function malformed(detail: string): {
  readonly ok: false;
  readonly reason: "malformed";
  readonly detail: string;
} {
  return { ok: false, reason: "malformed", detail };
}
