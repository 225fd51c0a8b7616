import type { PaneRows } from "@millrace/stream";
import {
  BATCH_BYTES_MAX,
  decodeAlarmBatch,
  decodeEvidencePart,
  decodePaneBatch,
  decodeSkippedBatch,
  openBatch,
  parseHello,
  unpackBody,
} from "@millrace/wire";
import type {
  AlarmEvent,
  Compression,
  EvidencePart,
  Hello,
  PaneBatch,
  SealedBatch,
  SeriesMemory,
  SkippedRange,
  UpTopic,
} from "@millrace/wire";
import type { RejectReason } from "./central-ledger.ts";

export type BatchBody =
  | { readonly kind: "panes"; readonly panes: PaneBatch }
  | { readonly kind: "alarms"; readonly events: readonly AlarmEvent[] }
  | { readonly kind: "evidence"; readonly part: EvidencePart }
  | { readonly kind: "skipped"; readonly skipped: SkippedRange }
  /** The checksum is right, yet the body is not what it should be: the batch is held, its content is lost. */
  | { readonly kind: "unreadable"; readonly detail: string };

/** A message as it was understood; what was not is a value too. */
export type OpenedMessage =
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "batch"; readonly batch: SealedBatch; readonly body: BatchBody }
  | { readonly kind: "rejected"; readonly reason: RejectReason; readonly detail: string };

/** How the batches of one connection are read. */
export interface BatchReading {
  readonly compression: Compression;
  readonly series: SeriesMemory;
}

/** Reads a hello or a batch. Never throws. */
export function openMessage(topic: UpTopic, payload: Uint8Array, reading: BatchReading): OpenedMessage {
  if (topic === "hello") {
    const parsed = parseHello(payload);
    if (parsed.ok) return { kind: "hello", hello: parsed.message };
    return {
      kind: "rejected",
      reason: parsed.reason === "oversized" ? "oversized" : "malformed_hello",
      detail: parsed.detail,
    };
  }
  const opened = openBatch(payload, BATCH_BYTES_MAX);
  if (opened.ok) return { kind: "batch", batch: opened.batch, body: openBody(opened.batch, reading) };
  if (opened.reason === "oversized")
    return { kind: "rejected", reason: "oversized", detail: `${payload.length} bytes` };
  const reason = opened.reason === "unknown_version" ? "wire_version" : "malformed_batch";
  return { kind: "rejected", reason, detail: opened.reason };
}

/** The pane rows of a message, for the engine; none where it has none. */
export function paneRows(message: OpenedMessage): readonly PaneRows[] {
  return message.kind === "batch" && message.body.kind === "panes" ? message.body.panes.sections : [];
}

function openBody(batch: SealedBatch, { compression, series }: BatchReading): BatchBody {
  const unpacked = unpackBody(batch, compression);
  if (!unpacked.ok) return { kind: "unreadable", detail: unpacked.detail };
  switch (batch.kind) {
    case "panes": {
      const decoded = decodePaneBatch(unpacked.body, series);
      return decoded.ok
        ? { kind: "panes", panes: decoded.message }
        : { kind: "unreadable", detail: decoded.detail };
    }
    case "alarms": {
      const decoded = decodeAlarmBatch(unpacked.body);
      return decoded.ok
        ? { kind: "alarms", events: decoded.message }
        : { kind: "unreadable", detail: decoded.detail };
    }
    case "evidence": {
      const decoded = decodeEvidencePart(unpacked.body);
      return decoded.ok
        ? { kind: "evidence", part: decoded.message }
        : { kind: "unreadable", detail: decoded.detail };
    }
    case "skipped": {
      const decoded = decodeSkippedBatch(unpacked.body);
      return decoded.ok
        ? { kind: "skipped", skipped: decoded.message }
        : { kind: "unreadable", detail: decoded.detail };
    }
  }
}
