import type { AnswerPath, ConfirmMatch } from "./rule-spec.ts";

/** What a machine has said on the topic of its answers. */
export interface Answer {
  readonly text: string;
  /** Correlation data of MQTT 5, as text. */
  readonly correlation: string | undefined;
  /** Monotonic clock. */
  readonly arrivedMonotonicMs: number;
}

export interface ExpectedAnswer {
  readonly commandId: string;
  readonly equals: string;
  readonly match: ConfirmMatch | null;
}

/** Whether it is the answer to that command. */
export function answers(
  { text, correlation }: Answer,
  { commandId, equals, match }: ExpectedAnswer,
): boolean {
  if (match?.kind === "json") {
    const said = parsed(text);
    return textAt(said, match.id) === commandId && textAt(said, match.value) === equals;
  }
  if (match?.kind === "correlation" && correlation !== commandId) return false;
  const trimmed = text.trim();
  return trimmed === equals || trimmed === JSON.stringify(equals);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Text, number or truth value that stands there, as text; undefined where none does. */
function textAt(value: unknown, path: AnswerPath): string | undefined {
  let current = value;
  for (const step of path) {
    if (typeof current !== "object" || current === null) return undefined;
    const entry = Object.getOwnPropertyDescriptor(current, step);
    current = entry?.value;
  }
  return typeof current === "string" || typeof current === "number" || typeof current === "boolean"
    ? String(current)
    : undefined;
}
