import { plainText } from "@millrace/runtime";

type Line = Readonly<Record<string, unknown>>;

/** ECMA-262: the last time that a Date can be. */
const TIME_MS_MAX = 8.64e15;

/** One line of the audit trail: a maintenance, a reload, what a broker made of a command, or a step of an alarm's action. */
export function renderAudit(line: Line): string {
  const { atMs, by } = line;
  const whose = by === undefined ? "" : `  by ${textOf(by)}`;
  return `${timeOf(atMs) ?? "?"}  ${whatOf(line)}${whose}`;
}

function whatOf(line: Line): string {
  if ("maintenance" in line) {
    const until = timeOf(line["untilMs"]);
    const end = until === undefined ? "" : ` until ${until}`;
    return `maintenance ${textOf(line["maintenance"])} ${labelsOf(line["labels"])}${end}`;
  }
  if ("reload" in line)
    return `reload ${textOf(line["reload"])}, pipeline ${textOf(line["version"])}: ${textOf(line["detail"])}`;
  if ("delivery" in line) {
    const outcome = line["isTaken"] === true ? "has it" : `has it NOT: ${textOf(line["reason"])}`;
    return `command ${textOf(line["delivery"])} to ${textOf(line["topic"])}, attempt ${textOf(line["attempt"])}: ${textOf(line["input"])} ${outcome}`;
  }
  const marks = [
    line["isActive"] === false ? "over" : "active",
    ...(line["isLatched"] === true ? ["latched"] : []),
    ...(line["isSuppressed"] === true ? ["suppressed"] : []),
    ...(line["heldBack"] === undefined ? [] : [`held back: ${textOf(line["heldBack"])}`]),
  ];
  const alarm = `alarm ${textOf(line["rule"])} ${labelsOf(line["labels"])}  ${marks.join(", ")}`;
  return `${alarm}  action ${textOf(line["action"])}${commandOf(line["command"])}`;
}

function commandOf(command: unknown): string {
  if (typeof command !== "object" || command === null) return "";
  const { id, topic, payload, attempt, confirmedAtMs } = { ...command } as Line;
  const confirmed = timeOf(confirmedAtMs);
  const outcome = confirmed === undefined ? "" : `, confirmed ${confirmed}`;
  return `  command ${textOf(id)} to ${textOf(topic)}: ${textOf(payload)}, attempt ${textOf(attempt)}${outcome}`;
}

function labelsOf(labels: unknown): string {
  if (typeof labels !== "object" || labels === null) return textOf(labels);
  const entries = Object.entries(labels).map(([name, value]) => `${name}=${textOf(value)}`);
  return entries.length === 0 ? "everything" : entries.join(" ");
}

/** Undefined where it is none. */
function timeOf(value: unknown): string | undefined {
  const isTime = typeof value === "number" && Math.abs(value) <= TIME_MS_MAX;
  return isTime ? new Date(value).toISOString() : undefined;
}

function textOf(value: unknown): string {
  return plainText(typeof value === "string" ? value : (JSON.stringify(value) ?? "?"));
}
