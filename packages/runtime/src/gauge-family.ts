/** Gauges of one name that are not in the metric table: what they are named after is known only from the configuration. */
export interface GaugeFamily {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly GaugeSample[];
}

export interface GaugeSample {
  /** As `labelText` makes it. */
  readonly labels: string;
  readonly value: number;
}

/** `{site="alpha",line="1"}`; nothing where there are none. Names are taken as they are: letters, digits and underscores. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value, true)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** In the text format 0.0.4 (Prometheus, Exposition formats), without timestamps. */
export function gaugeFamilyText({ name, help, samples }: GaugeFamily): string {
  const lines = [`# HELP ${name} ${escaped(help, false)}`, `# TYPE ${name} gauge`];
  for (const { labels, value } of samples) lines.push(`${name}${labels} ${numberText(value)}`);
  return `${lines.join("\n")}\n`;
}

function escaped(text: string, isLabel: boolean): string {
  const plain = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return isLabel ? plain.replaceAll('"', '\\"') : plain;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf";
}
