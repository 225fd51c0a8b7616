import { machineMetric } from "./pipeline.ts";

const metricOf = (name: string) => machineMetric(name, "1", `$.${name}`);

/** Three of a simulated machine's signals in these windows, a rule that overheating breaks, and further metrics and rules. */
export function simulatedPipeline(
  windows: Readonly<Record<string, object>>,
  metrics: Readonly<Record<string, object>> = {},
  rules: Readonly<Record<string, object>> = {},
): object {
  return {
    version: 1,
    metrics: {
      temperature: metricOf("temperature"),
      vibration: metricOf("vibration"),
      pressure: metricOf("pressure"),
      ...metrics,
    },
    windows,
    rules: {
      overheating: {
        metric: "temperature",
        when: { above: 80, clearBelow: 75, forAtLeast: "0s" },
        severity: 900,
      },
      ...rules,
    },
  };
}
