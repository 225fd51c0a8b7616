import { paneLayout } from "@millrace/stream";
import { encodeAlarmBatch } from "../src/alarm-batch.ts";
import type { AlarmEvent } from "../src/alarm-event.ts";
import { encodeEvidencePart, type EvidencePart } from "../src/evidence-part.ts";
import { encodePaneBatch, type PaneBatch } from "../src/pane-batch.ts";
import { type BatchKind, type SealedBatch, sealBatch } from "../src/sealed-batch.ts";
import { encodeSkippedBatch, type SkippedRange } from "../src/skipped-batch.ts";

/** What the golden files of wire version 1 hold. Never change a case of a released version: add one. */
export const V1_PANES: PaneBatch = {
  frontier: {
    epoch: 3,
    number: 41,
    watermarkMs: 1_700_000_000_500,
    isIdle: false,
    isClockSynchronised: true,
    pending: [
      { startMs: 1_699_999_000_000, endMs: 1_699_999_060_000 },
      { startMs: 1_699_999_900_000, endMs: 1_699_999_901_000 },
    ],
    holds: { alarm: 0, live: 17, backfill: 1_000_000 },
  },
  sections: [
    {
      metric: "temperature",
      layout: paneLayout(10_000, ["sum", "min", "max", "mean", "first", "last"]),
      rowCount: 2,
      series: [
        { site: "alpha", line: "1" },
        { site: "alpha", line: "二号线" },
      ],
      seriesIndex: Uint32Array.of(0, 1),
      startMs: Float64Array.of(1_700_000_000_000, 1_700_000_010_000),
      // count | sum, rest | min | max | count, mean, M2 | time, first | time, last | uncertain, bad, undeduplicated
      state: Float64Array.from(
        [
          [2, 41.75, 0, 20.5, 21.25, 2, 20.875, 0.28125, 1_700_000_000_001, 20.5, 1_700_000_004_000, 21.25, 1, 0, 2],
          [1, -0, 1e-17, -0, -0, 1, 0.1, 0, 1_700_000_011_000, 1 / 3, 1_700_000_011_000, 5e-324, 0, 0, 0],
        ].flat(),
      ),
      sketches: [],
    },
    {
      metric: "vibration",
      layout: paneLayout(100, []),
      rowCount: 1,
      series: [{}],
      seriesIndex: Uint32Array.of(0),
      startMs: Float64Array.of(-100),
      state: Float64Array.of(7, 0, 0, 0),
      sketches: [],
    },
  ],
};

export const V1_ALARMS: readonly AlarmEvent[] = [
  {
    id: "overheating-1",
    step: 3,
    rule: "overheating",
    metric: "temperature",
    labels: { site: "alpha", machine: "壓力機" },
    severity: 900,
    isActive: true,
    isLatched: true,
    isHistorical: false,
    activeAtMs: 1_700_000_000_000,
    clearedAtMs: null,
    timeMs: 1_700_000_001_000,
    value: 81.5,
    limit: 80,
    action: "confirmed",
    command: {
      id: "c-1",
      topic: "factory/alpha/1/press/command",
      payload: "STOP",
      attempt: 2,
      commandedAtMs: 1_700_000_000_002,
      confirmedAtMs: 1_700_000_000_090,
      latencyMs: 0.75,
    },
    message: "temperature above 80 °C",
  },
];

export const V1_SKIPPED: SkippedRange = { from: 9, to: 1200, readings: 88_000, reason: "evicted" };

export const V1_EVIDENCE: EvidencePart = {
  manifest: {
    id: "00112233445566778899aabbccddeeff",
    kind: "recording",
    name: "overheating",
    labels: { site: "alpha", machine: "壓力機" },
    startMs: 1_700_000_000_000,
    endMs: 1_700_000_015_000,
    contentType: "application/json",
    sha256: "ab".repeat(32),
    bytes: 1_030,
    partBytes: 1_024,
    alarm: "overheating-1",
  },
  part: 1,
  data: Uint8Array.of(1, 2, 3, 4, 5, 255),
};

/** File name, and the batch that it holds. */
export const V1_BATCHES: Readonly<Record<string, SealedBatch>> = {
  "v1-panes.bin": batch("panes", encodePaneBatch(V1_PANES), { readingCount: 10, startMs: -100, endMs: 1_700_000_020_000 }),
  "v1-alarms.bin": batch("alarms", encodeAlarmBatch(V1_ALARMS), { readingCount: 0, startMs: 0, endMs: 0 }),
  "v1-skipped.bin": batch("skipped", encodeSkippedBatch(V1_SKIPPED), {
    readingCount: V1_SKIPPED.readings,
    startMs: 1_699_000_000_000,
    endMs: 1_699_000_600_000,
  }),
  "v1-evidence.bin": batch("evidence", encodeEvidencePart(V1_EVIDENCE), {
    readingCount: 0,
    startMs: 1_700_000_000_000,
    endMs: 1_700_000_000_000,
  }),
};

export function bytesOf(file: string): Uint8Array {
  return sealBatch(V1_BATCHES[file]);
}

function batch(
  kind: BatchKind,
  body: Uint8Array,
  header: Pick<SealedBatch, "readingCount" | "startMs" | "endMs">,
): SealedBatch {
  return {
    wireVersion: 1,
    lane: kind === "alarms" ? "alarm" : kind === "evidence" ? "evidence" : "backfill",
    kind,
    storeId: "00112233445566778899aabbccddeeff",
    epoch: 3,
    sequence: 9,
    sealedAtMs: 1_700_000_020_123,
    ...header,
    body: body.slice(),
    isCompressed: false,
    bodyBytesRaw: body.length,
  };
}
