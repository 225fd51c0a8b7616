import { nearestName } from "@millrace/runtime";
import type { z } from "zod";

/** What a place of a plan takes, by the name that zod has for it. */
const TAKES: Readonly<Record<string, string>> = {
  number: "a number",
  int: "a whole number",
  string: "text",
  boolean: "true or false",
  object: "a map",
  record: "a map",
  array: "a list",
  tuple: "a list",
};
const SHOWN_MAX = 60;

/** What is wrong with a value of a plan, and what may stand there. Where the schema says so itself, that. */
export function issueMessage(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case "invalid_type":
      return isOwnMessage(issue) ? issue.message : wrongType(TAKES[issue.expected] ?? issue.expected, value);
    case "too_small":
      return isOwnMessage(issue)
        ? issue.message
        : outside(issue.origin, value, { min: issue.minimum, isOut: issue.inclusive === false });
    case "too_big":
      return isOwnMessage(issue)
        ? issue.message
        : outside(issue.origin, value, { max: issue.maximum, isOut: issue.inclusive === false });
    case "invalid_value":
      return choiceMessage(value, issue.values.map(String));
    case "invalid_union": {
      // Its message lists them, each in quotes.
      const choices = [...issue.message.matchAll(/'([^']+)'/g)].map(([, choice = ""]) => choice);
      if (issue.discriminator === undefined || choices.length === 0) return issue.message;
      return choiceMessage(value, choices);
    }
    default:
      return issue.message;
  }
}

/** What stands there, and what it may be: the nearest where it was meant for a name. */
export function choiceMessage(value: unknown, choices: readonly string[]): string {
  const found = value === undefined ? "missing" : shown(value);
  const nearest = typeof value === "string" ? nearestName(value, choices) : undefined;
  if (nearest !== undefined) return `${found}; did you mean ${nearest}?`;
  const [last, ...others] = choices.toReversed();
  return `${found}; it must be ${others.length === 0 ? last : `${others.toReversed().join(", ")} or ${last}`}`;
}

function isOwnMessage({ message }: z.core.$ZodIssue): boolean {
  return !/^(Invalid input|Too small|Too big)/.test(message);
}

function wrongType(takes: string, value: unknown): string {
  if (value === undefined) return `missing; it must be ${takes}`;
  if (value === null) return `empty; it must be ${takes}`;
  const isQuoted =
    takes.endsWith("number") &&
    typeof value === "string" &&
    value.trim() !== "" &&
    !Number.isNaN(Number(value));
  if (isQuoted) return `${shown(value)} is text; it must be ${takes}: leave out the quotes`;
  const isBare = takes === "text" && (typeof value === "number" || typeof value === "boolean");
  return `${shown(value)}; it must be ${takes}${isBare ? ": put it in quotes" : ""}`;
}

interface Bound {
  readonly min?: number | bigint;
  readonly max?: number | bigint;
  /** The bound itself is not allowed. */
  readonly isOut: boolean;
}

function outside(origin: string, value: unknown, { min, max, isOut }: Bound): string {
  const of = origin === "array" ? " entries" : origin === "string" ? " characters" : "";
  const what = of === "" ? `${shown(value)}; it must be` : "it must have";
  if (min !== undefined) return `${what} ${isOut ? "more than" : "at least"} ${min}${of}`;
  return `${what} ${isOut ? "less than" : "at most"} ${max}${of}`;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}…`;
}
