/**
 * One metric in two windows, watched by a rule; `each`: where a message holds an array of readings. Without confirmation
 * and latch: the machines of a benchmark stop and start some hundred times.
 */
export function benchPipeline({ each }: { readonly each?: string } = {}): string {
  return `version: 1
metrics:
  temperature:
    unit: °C
    from:
      topic: "factory/{site}/{line}/{machine}/temperature"
      json: { ${each === undefined ? "" : `each: ${each}, `}value: $.temperature, time: { path: $.ts, unit: ms } }
    accumulate: [count, sum, mean, min, max]
    live: true
windows:
  temperature_5s: { metric: temperature, size: 5s, by: [site] }
  temperature_1m: { metric: temperature, size: 1m, slide: 10s, by: [site, line] }
rules:
  overheating:
    metric: temperature
    when: { above: 80, clearBelow: 75 }
    severity: 900
    action:
      publish: "factory/{site}/{line}/{machine}/command"
      payload: STOP
      latch: false
      armed: true
`;
}
