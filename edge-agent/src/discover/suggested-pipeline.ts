import type { SuggestedSparkplugMetric } from "./suggest-sparkplug-metrics.ts";
import type { SuggestedMetric, Suggestion } from "./suggest-metrics.ts";

const UNREAD_SHOWN_MAX = 50;

/** A pipeline file that reads what was heard. */
export function suggestedPipeline({
  metrics,
  unread,
}: Suggestion<SuggestedMetric | SuggestedSparkplugMetric>): string {
  const lines = [
    "# Millrace pipeline, from what was heard. Look at units, names and labels before you use it; every key: docs/config.md.",
    "version: 1",
    "",
    metrics.length === 0 ? "metrics: {}" : "metrics:",
  ];
  for (const metric of metrics) {
    const isSparkplug = "sparkplug" in metric;
    const count = isSparkplug ? metric.nameCount : metric.topicCount;
    const what = isSparkplug ? "Sparkplug name" : "topic";
    lines.push(
      `  ${metric.name}:   # ${count} ${what}${count === 1 ? "" : "s"}`,
      `    unit: ${quoted(metric.unit)}   # a guess by the name`,
      "    from:",
      ...(isSparkplug ? sparkplugLines(metric) : topicLines(metric)),
      "    live: true",
    );
  }
  lines.push("", metrics.length === 0 ? "windows: {}" : "windows:");
  for (const { name, labels } of metrics) {
    const by = ["site", ...labels.filter((label) => label !== "site").slice(0, 1)];
    lines.push(`  ${name}_1m: { metric: ${name}, size: 1m, by: [${by.map(quoted).join(", ")}] }`);
  }
  if (unread.length > 0) lines.push("", `# Not read (${unread.length}):`);
  for (const { topic, why } of unread.slice(0, UNREAD_SHOWN_MAX))
    lines.push(`# ${JSON.stringify(topic)}: ${why}`);
  if (unread.length > UNREAD_SHOWN_MAX) lines.push(`# … and ${unread.length - UNREAD_SHOWN_MAX} more`);
  return `${lines.join("\n")}\n`;
}

function topicLines({ topic, value, time, quality }: SuggestedMetric): string[] {
  const first = `      topic: ${quoted(topic)}`;
  if (value === null) return [first, "      number: {}   # no time of its own: counted at least once"];
  const parts = [`value: ${quoted(value)}`];
  if (time !== null) parts.push(`time: { path: ${quoted(time.path)}, unit: ${time.unit} }`);
  if (quality !== null) parts.push(`quality: { path: ${quoted(quality)} }`);
  return [first, `      json: { ${parts.join(", ")} }`];
}

function sparkplugLines({ sparkplug }: SuggestedSparkplugMetric): string[] {
  const parts = Object.entries(sparkplug).filter(([, text]) => text !== null);
  return [`      sparkplug: { ${parts.map(([key, text]) => `${key}: ${quoted(text ?? "")}`).join(", ")} }`];
}

/** JSON is YAML. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
