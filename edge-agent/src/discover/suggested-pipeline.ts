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
      `    unit: ${quoted(metric.unit)}   # ${isSparkplug || !metric.isUnitTold ? "a guess by the name" : "as the payload tells"}`,
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
  for (const { topic, why } of unread.slice(0, UNREAD_SHOWN_MAX)) lines.push(`# ${quoted(topic)}: ${why}`);
  if (unread.length > UNREAD_SHOWN_MAX) lines.push(`# … and ${unread.length - UNREAD_SHOWN_MAX} more`);
  return `${lines.join("\n")}\n`;
}

function topicLines({ topic, payload }: SuggestedMetric): string[] {
  const { kind, ...spec } = payload;
  const hasTime = "time" in spec || kind === "senml" || kind === "influx";
  const said = hasTime ? "" : "   # no time of its own: counted at least once";
  return [`      topic: ${quoted(topic)}`, `      ${kind}: ${flow(spec)}${said}`];
}

/** Keys that stand for themselves; `on` and `true` are none. */
const PLAIN_KEY = /^(?!(?:true|false|null|yes|no|on|off|y|n)$)[a-z]\w*$/;

/** A value in one line of YAML. */
function flow(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return quoted(value);
  const entries = Object.entries(value).map(
    ([key, inner]) => `${PLAIN_KEY.test(key) ? key : quoted(key)}: ${flow(inner)}`,
  );
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

function sparkplugLines({ sparkplug }: SuggestedSparkplugMetric): string[] {
  const parts = Object.entries(sparkplug).filter(([, text]) => text !== null);
  return [`      sparkplug: { ${parts.map(([key, text]) => `${key}: ${quoted(text ?? "")}`).join(", ")} }`];
}

/** JSON is YAML. What a terminal may not be sent is written as its code. */
function quoted(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (text) =>
    Array.from(
      { length: text.length },
      (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}
