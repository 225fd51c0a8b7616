import type { StreamItem } from "../feed/fetch-streams.ts";

/** Of all streams together, in records. */
export interface RecordSums {
  readonly received: number;
  readonly rejected: number;
}

export function recordSums(streams: readonly Pick<StreamItem, "totals">[]): RecordSums {
  let [received, rejected] = [0, 0];
  for (const { totals } of streams) {
    received += totals.received;
    rejected += sumOf(totals.rejected);
  }
  return { received, rejected };
}

export function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
