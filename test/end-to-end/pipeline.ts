/** A metric whose readings come as `{ "ts": …, "value": … }`, or with their value elsewhere, on the machine's own topic. */
export function machineMetric(name: string, unit: string, value = "$.value"): Record<string, unknown> {
  return {
    unit,
    from: {
      topic: `factory/{site}/{line}/{machine}/${name}`,
      json: { value, time: { path: "$.ts", unit: "ms" } },
    },
    accumulate: ["count", "sum", "mean", "min", "max"],
    live: true,
  };
}

/** One metric in a tumbling and in a sliding window. */
export const PLAIN_PIPELINE = {
  version: 1,
  metrics: { temperature: machineMetric("temperature", "°C") },
  windows: {
    tumbling: { metric: "temperature", size: "2s", by: ["site"] },
    sliding: { metric: "temperature", size: "5s", slide: "1s", by: ["site", "machine"] },
  },
} as const;
