import type { BatchQueue } from "@millrace/queue";
import { zstdCompression } from "@millrace/runtime";
import { LANES, type PaneRows } from "@millrace/stream";
import {
  decodeAlarmBatch,
  decodeEvidencePart,
  decodePaneBatch,
  decodeSkippedBatch,
  openBatch,
  unpackBody,
} from "@millrace/wire";

type Row = Readonly<Record<string, unknown>>;

/** One row for each batch that the outbox holds. */
export function* batchRows(queue: BatchQueue): Generator<Row> {
  for (const lane of LANES) {
    const { acked, sent } = queue.lane(lane);
    for (const { sequence, ...summary } of queue.summaries(lane)) {
      const state = sequence <= acked ? "acknowledged" : sequence <= sent ? "sent" : "waiting";
      yield { lane, sequence, state, ...summary };
    }
  }
}

/** What the batches hold: a row for each pane, alarm step, part of evidence, and range that was given up. */
export async function* contentRows(queue: BatchQueue): AsyncGenerator<Row> {
  for (const lane of LANES) {
    for (const { sequence } of queue.summaries(lane)) {
      for (const { bytes } of await queue.read(lane, sequence, 1)) {
        for (const row of rowsOf(bytes)) yield { lane, sequence, ...row };
      }
    }
  }
}

function* rowsOf(bytes: Uint8Array): Generator<Row> {
  const opened = openBatch(bytes, Number.POSITIVE_INFINITY);
  const unpacked = opened.ok ? unpackBody(opened.batch, zstdCompression) : opened;
  if (!opened.ok || !unpacked.ok) return yield { unreadable: true };
  if (opened.batch.kind === "skipped") {
    const skipped = decodeSkippedBatch(unpacked.body);
    return yield skipped.ok ? { skipped: skipped.message } : { unreadable: true };
  }
  if (opened.batch.kind === "alarms") {
    const alarms = decodeAlarmBatch(unpacked.body);
    if (!alarms.ok) return yield { unreadable: true };
    for (const alarm of alarms.message) yield { alarm };
    return;
  }
  if (opened.batch.kind === "evidence") {
    const part = decodeEvidencePart(unpacked.body);
    if (!part.ok) return yield { unreadable: true };
    const { manifest, data } = part.message;
    return yield {
      evidence: { ...manifest, part: part.message.part, data: Buffer.from(data).toString("base64") },
    };
  }
  const panes = decodePaneBatch(unpacked.body);
  if (!panes.ok) return yield { unreadable: true };
  for (const rows of panes.message.sections) yield* paneRows(rows);
}

function* paneRows(rows: PaneRows): Generator<Row> {
  const { metric, layout, rowCount, series, seriesIndex, startMs, state, sketches } = rows;
  for (let row = 0; row < rowCount; row += 1) {
    const values: Record<string, number> = {};
    for (const [index, accumulator] of layout.accumulators.entries())
      Object.assign(values, accumulator.finish(state, row * layout.stride + layout.offsets[index]));
    for (const column of sketches) Object.assign(values, column[row]?.results());
    yield { metric, labels: series[seriesIndex[row]], startMs: startMs[row], paneMs: layout.paneMs, values };
  }
}
