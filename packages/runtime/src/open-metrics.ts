export const OPEN_METRICS_TYPE = "application/openmetrics-text";

/** Base units that names end in (OpenMetrics 1.0, Units and Base Units), as far as there are any here. */
const UNIT = /_(seconds|bytes|ratio|celsius|meters|grams|pascals|joules|watts|volts|amperes|hertz)$/;

/**
 * The text format 0.0.4 as OpenMetrics 1.0: counters are named without `_total` where they are described, units are told, quotes
 * are escaped in help too, bounds are written as floats, nothing is blank, and the end is marked.
 *
 * prom-client's own OpenMetrics renames its counters for good, so that one registry cannot speak both.
 */
export function openMetricsText(text: string): string {
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (name === undefined) {
      lines.push(line.replace(/\{(.*,)?le="(-?\d+)"/, '{$1le="$2.0"'));
      continue;
    }
    const family = name.replace(/_total$/, "");
    const unit = kind === "TYPE" ? UNIT.exec(family)?.[1] : undefined;
    lines.push(`# ${kind} ${family} ${kind === "HELP" ? rest.replaceAll('"', '\\"') : rest}`);
    if (unit !== undefined) lines.push(`# UNIT ${family} ${unit}`);
  }
  return `${lines.join("\n")}\n# EOF\n`;
}
