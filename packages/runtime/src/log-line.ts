import { plainText } from "./plain-text.ts";

/**
 * One log line for a person at a terminal, from pino's JSON:
 *
 *   14:03:07.250 warn  agent.uplink  central is silent  silentMs=3200 url=mqtt://…
 */
export function formatLogLine(json: string, options: { readonly hasColor: boolean }): string {
  const { time, level, component, msg, ...fields } = parseLine(json);
  const paint = (color: number, text: string): string =>
    options.hasColor ? `\u001B[${color}m${text}\u001B[0m` : text;
  const clock = typeof time === "string" ? time.slice(11, 23) : "";
  const name = typeof level === "string" ? level : "info";
  const parts = [paint(DIM, clock), paint(LEVEL_COLORS.get(name) ?? DIM, name.padEnd(5))];
  if (typeof component === "string") parts.push(paint(DIM, component));
  parts.push(typeof msg === "string" ? msg : "");
  for (const [key, value] of Object.entries(fields)) parts.push(paint(DIM, `${key}=`) + formatValue(value));
  return `${parts.join("  ")}\n`;
}

/** A stack trace fits. */
const VALUE_LENGTH_MAX = 2_000;
const DIM = 2;
const LEVEL_COLORS: ReadonlyMap<string, number> = new Map([
  ["debug", 2],
  ["info", 32],
  ["warn", 33],
  ["error", 31],
]);

function parseLine(json: string): Record<string, unknown> {
  const parsed: unknown = JSON.parse(json);
  return typeof parsed === "object" && parsed !== null ? { ...parsed } : { msg: json };
}

function formatValue(value: unknown): string {
  const isWord = typeof value === "string" && /^[^\s"=]+$/.test(value);
  return plainText(isWord ? value : (JSON.stringify(value) ?? ""), VALUE_LENGTH_MAX);
}
