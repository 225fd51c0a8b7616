import { zstdCompression } from "@millrace/runtime";
import type { PaneRows } from "@millrace/stream";
import { decodePaneBatch, encodePaneBatch, packBody, type PaneBatch, unpackBody } from "@millrace/wire";
import type { Bench } from "./bench.ts";
import { measureRates } from "./measure/rates.ts";
import { rounded } from "./measure/statistics.ts";
import { paneTraffic } from "./workload/pane-traffic.ts";

const START_MS = 1_700_000_000_000;
const METRICS = ["temperature", "vibration", "pressure"];

/** What crosses the uplink: sealed, opened, and how many bytes a pane takes. */
export const paneCodec: Bench = {
  name: "pane-codec",
  summary: "a batch of panes to bytes and back, with zstd, beside JSON with zstd",
  async run({ isQuick }) {
    // 60 machines, three metrics: what they gained in the 5 s between two batches of a backlog, and in one live interval.
    const backlog = batchOf(5);
    const live = batchOf(1);
    const backlogRows = rowCountOf(backlog);
    const passes = isQuick ? 20 : 60;
    const rates = measureRates(
      {
        ours: () => repeat(passes, backlog, () => unpackedOurs(packedOurs(backlog))),
        oursRaw: () => repeat(passes, backlog, () => decodedOurs(encodePaneBatch(backlog))),
        oursLive: () => repeat(passes * 5, live, () => unpackedOurs(packedOurs(live))),
        json: () => repeat(passes, backlog, () => unpackedJson(packedJson(backlog))),
        jsonRaw: () => repeat(passes, backlog, () => parsedJson(textOf(backlog))),
        jsonLive: () => repeat(passes * 5, live, () => unpackedJson(packedJson(live))),
      },
      { warmupRounds: 2, rounds: isQuick ? 5 : 11 },
    );
    const bytesPerRow = (bytes: number, batch: PaneBatch): number => rounded(bytes / rowCountOf(batch));
    return {
      value: rounded(rates.ours.perSecond),
      unit: "rows/s",
      better: "higher",
      peer: { name: "JSON with zstd, objects of labels and numbers", value: rounded(rates.json.perSecond) },
      further: {
        spread: rounded(rates.ours.spread),
        rawRowsPerSecond: rounded(rates.oursRaw.perSecond),
        liveRowsPerSecond: rounded(rates.oursLive.perSecond),
        jsonRawRowsPerSecond: rounded(rates.jsonRaw.perSecond),
        jsonLiveRowsPerSecond: rounded(rates.jsonLive.perSecond),
        bytesPerRow: bytesPerRow(packedOurs(backlog).body.length, backlog),
        bytesPerRowRaw: bytesPerRow(encodePaneBatch(backlog).length, backlog),
        bytesPerRowLive: bytesPerRow(packedOurs(live).body.length, live),
        jsonBytesPerRow: bytesPerRow(packedJson(backlog).length, backlog),
        jsonBytesPerRowRaw: bytesPerRow(Buffer.byteLength(textOf(backlog)), backlog),
        jsonBytesPerRowLive: bytesPerRow(packedJson(live).length, live),
        rowsPerBatch: backlogRows,
        rowsPerLiveBatch: rowCountOf(live),
      },
    };
  },
};

function batchOf(panes: number): PaneBatch {
  return {
    frontier: {
      epoch: 1,
      number: 4_711,
      watermarkMs: START_MS,
      isIdle: false,
      isClockSynchronised: true,
      pending: [],
      holds: { alarm: 0, live: 4_710, backfill: 0 },
    },
    sections: METRICS.map((metric, index) =>
      paneTraffic({
        site: "alpha",
        lines: 3,
        machinesPerLine: 20,
        metric,
        paneMs: 1_000,
        panes,
        readingsPerPane: 10,
        startMs: START_MS,
        seed: 1 + index,
      }),
    ),
  };
}

function rowCountOf(batch: PaneBatch): number {
  return batch.sections.reduce((sum, rows) => sum + rows.rowCount, 0);
}

function repeat(passes: number, batch: PaneBatch, work: () => number) {
  let checkSum = 0;
  for (let pass = 0; pass < passes; pass += 1) checkSum += work();
  return { units: passes * rowCountOf(batch), checkSum };
}

function packedOurs(batch: PaneBatch) {
  return packBody(encodePaneBatch(batch), zstdCompression);
}

function unpackedOurs(packed: ReturnType<typeof packBody>): number {
  const unpacked = unpackBody(packed, zstdCompression);
  if (!unpacked.ok) throw new Error(`invariant: what was packed unpacks: ${unpacked.detail}`);
  return decodedOurs(unpacked.body);
}

function decodedOurs(bytes: Uint8Array): number {
  const decoded = decodePaneBatch(bytes);
  if (!decoded.ok) throw new Error(`invariant: what was encoded decodes: ${decoded.detail}`);
  return rowCountOf(decoded.message);
}

interface JsonRow {
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly startMs: number;
  readonly state: readonly number[];
}

/** The same bits: labels by name, every field of every accumulator in full precision. */
function textOf(batch: PaneBatch): string {
  return JSON.stringify({ frontier: batch.frontier, rows: batch.sections.flatMap(jsonRows) });
}

function jsonRows(rows: PaneRows): JsonRow[] {
  const { stride } = rows.layout;
  return Array.from({ length: rows.rowCount }, (_, row) => ({
    metric: rows.metric,
    labels: rows.series[rows.seriesIndex[row]],
    startMs: rows.startMs[row],
    state: [...rows.state.subarray(row * stride, (row + 1) * stride)],
  }));
}

function packedJson(batch: PaneBatch): Uint8Array {
  return zstdCompression.compress(Buffer.from(textOf(batch)));
}

function unpackedJson(packed: Uint8Array): number {
  return parsedJson(Buffer.from(zstdCompression.decompress(packed, 64 * 1024 * 1024)).toString());
}

function parsedJson(text: string): number {
  const message: { readonly rows: readonly JsonRow[] } = JSON.parse(text);
  return message.rows.length;
}
