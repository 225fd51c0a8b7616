import { windowLengths } from "@millrace/stream";
import type { MetricSpec, WindowSpec } from "@millrace/stream";

/** How many windows one record opens at most, of the stream whose records open the most; 0 where no window looks at records. */
export function windowsOfRecord(metrics: readonly MetricSpec[], windows: readonly WindowSpec[]): number {
  const counts = new Map<string, number>();
  for (const { name, stream } of metrics) {
    if (stream === undefined) continue;
    const own = windows.filter(({ metric }) => metric === name);
    counts.set(
      stream,
      own.reduce((sum, spec) => sum + overlaps(spec), counts.get(stream) ?? 0),
    );
  }
  return Math.max(0, ...counts.values());
}

function overlaps(spec: WindowSpec): number {
  if (spec.kind === "session") return 1;
  const { sizeMs, slideMs } = windowLengths(spec);
  return Math.ceil(sizeMs / slideMs);
}
