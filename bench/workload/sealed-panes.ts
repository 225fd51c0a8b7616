import { zstdCompression } from "@millrace/runtime";
import type { EventTimeMs, PaneRows } from "@millrace/stream";
import { encodePaneBatch, packBody, sealBatch, WIRE_VERSION } from "@millrace/wire";

export interface SealedPanes {
  readonly storeId: string;
  readonly lane: "live" | "backfill";
  readonly sequence: number;
  readonly rows: PaneRows;
  /** Null: the agent promises nothing. */
  readonly watermarkMs: EventTimeMs | null;
}

/** One batch as an agent's outbox seals it. */
export function sealedPanes({ storeId, lane, sequence, rows, watermarkMs }: SealedPanes): Uint8Array {
  const holds = { alarm: 0, live: 0, backfill: 0, [lane]: sequence };
  const body = encodePaneBatch({
    frontier: {
      epoch: 1,
      number: sequence,
      watermarkMs,
      isIdle: false,
      isClockSynchronised: true,
      pending: [],
      holds,
    },
    sections: [rows],
  });
  return sealBatch({
    wireVersion: WIRE_VERSION,
    lane,
    kind: "panes",
    storeId,
    epoch: 1,
    sequence,
    sealedAtMs: Date.now(),
    readingCount: 0,
    startMs: 0,
    endMs: 0,
    ...packBody(body, zstdCompression),
  });
}
