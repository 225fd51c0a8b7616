import type { PaneRows } from "@millrace/stream";
import {
  BATCH_BYTES_MAX,
  decodeAlarmBatch,
  decodeEvidencePart,
  decodePaneBatch,
  decodeSkippedBatch,
  openBatch,
  parseHeartbeat,
  parseHello,
  unpackBody,
} from "@millrace/wire";
import type {
  AlarmEvent,
  Compression,
  EvidencePart,
  Heartbeat,
  Hello,
  PaneBatch,
  RowRoom,
  SealedBatch,
  SeriesMemory,
  SkippedRange,
  UpTopic,
} from "@millrace/wire";
import type { RejectReason } from "../ledger/central-ledger.ts";

export type BatchBody =
  | { readonly kind: "panes"; readonly panes: PaneBatch }
  | { readonly kind: "alarms"; readonly events: readonly AlarmEvent[] }
  | { readonly kind: "evidence"; readonly part: EvidencePart }
  | { readonly kind: "skipped"; readonly skipped: SkippedRange }
  /** The checksum is right, yet the body is not what it should be: the batch is held, its content is lost. */
  | { readonly kind: "unreadable"; readonly detail: string };

/** A message as far as it can be understood without unpacking a batch; what could not is a value too. */
export type Envelope =
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "heartbeat"; readonly heartbeat: Heartbeat }
  | { readonly kind: "batch"; readonly batch: SealedBatch }
  | { readonly kind: "rejected"; readonly reason: RejectReason; readonly detail: string };

/** How the batches of one writer are read. */
export interface BatchReading {
  readonly compression: Compression;
  readonly series: SeriesMemory;
  /** Where their rows lie. */
  readonly room: RowRoom;
}

export type OpenedMessage =
  | Exclude<Envelope, { readonly kind: "batch" }>
  | { readonly kind: "batch"; readonly batch: SealedBatch; readonly body: BatchBody };

/** Never throws. */
export function openEnvelope(topic: UpTopic, payload: Uint8Array): Envelope {
  switch (topic) {
    case "hello": {
      const parsed = parseHello(payload);
      if (parsed.ok) return { kind: "hello", hello: parsed.message };
      const reason = parsed.reason === "oversized" ? "oversized" : "malformed_hello";
      return { kind: "rejected", reason, detail: parsed.detail };
    }
    case "heartbeat": {
      const parsed = parseHeartbeat(payload);
      if (parsed.ok) return { kind: "heartbeat", heartbeat: parsed.message };
      const reason = parsed.reason === "oversized" ? "oversized" : "malformed_heartbeat";
      return { kind: "rejected", reason, detail: parsed.detail };
    }
    case "batch": {
      const opened = openBatch(payload, BATCH_BYTES_MAX);
      if (opened.ok) return { kind: "batch", batch: opened.batch };
      if (opened.reason === "oversized")
        return { kind: "rejected", reason: "oversized", detail: `${payload.length} bytes` };
      const reason = opened.reason === "unknown_version" ? "wire_version" : "malformed_batch";
      return { kind: "rejected", reason, detail: opened.reason };
    }
  }
}

/** With the content of a batch. Never throws. */
export function openMessage(envelope: Envelope, reading: BatchReading): OpenedMessage {
  if (envelope.kind !== "batch") return envelope;
  return { ...envelope, body: openBody(envelope.batch, reading) };
}

/** The pane rows of a message, for the engine; none where it has none. */
export function paneRows(message: OpenedMessage): readonly PaneRows[] {
  return message.kind === "batch" && message.body.kind === "panes" ? message.body.panes.sections : [];
}

function openBody(batch: SealedBatch, { compression, series, room }: BatchReading): BatchBody {
  // Of panes nothing is kept but what is copied.
  const unpacked = unpackBody(batch, compression, batch.kind === "panes" ? room : undefined);
  if (!unpacked.ok) return { kind: "unreadable", detail: unpacked.detail };
  switch (batch.kind) {
    case "panes": {
      const decoded = decodePaneBatch(unpacked.body, { memory: series, room });
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
