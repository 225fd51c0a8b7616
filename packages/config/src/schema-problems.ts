import { nearestName } from "@millrace/runtime";
import { z } from "zod";
import type { Problem } from "./problem.ts";
import { asType, schemaAt, takesAt, unwrap } from "./schema-place.ts";
import { mistakeOf } from "./schema-types.ts";
import type { KeyPath, YamlSource } from "./yaml-source.ts";

/** zod's issues as problems at their places: what is wrong; what is allowed. */
export function schemaProblems(
  source: YamlSource,
  schema: z.ZodType,
  value: unknown,
  issues: readonly z.core.$ZodIssue[],
): Problem[] {
  const problems = new Map<string, Problem>();
  for (const issue of issues) {
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        const path = [...issue.path, key];
        problems.set(
          JSON.stringify(path),
          source.problemAt(path, unknownKey(schema, issue.path, key), "key"),
        );
      }
      continue;
    }
    const key = JSON.stringify(issue.path);
    // One leaf may fail several checks; its phrase names them all.
    if (problems.has(key)) continue;
    if (issue.code === "invalid_key") {
      const message = `${quoted(String(issue.path.at(-1)))} is not a name here; it must be ${keyPhrase(schema, issue.path)}`;
      problems.set(key, source.problemAt(issue.path, message, "key"));
      continue;
    }
    const place = schemaAt(schema, issue.path);
    const mistake = place === undefined ? undefined : mistakeOf(place, valueAt(value, issue.path));
    problems.set(
      key,
      mistake === undefined
        ? source.problemAt(issue.path, wrongValue(source, schema, value, issue.path))
        : source.problemAt([...issue.path, ...mistake.at], mistake.message),
    );
  }
  return [...problems.values()];
}

function unknownKey(schema: z.ZodType, parentPath: KeyPath, key: string): string {
  const parent = schemaAt(schema, parentPath);
  const known = parent instanceof z.ZodObject ? Object.keys(parent.shape) : [];
  const nearest = nearestName(key, known);
  const wayOut =
    nearest === undefined ? `allowed here: ${known.join(", ") || "nothing"}` : `did you mean ${nearest}?`;
  return `unknown key ${quoted(key)}${parentPath.length === 0 ? "" : ` in ${pathText(parentPath)}`}; ${wayOut}`;
}

function wrongValue(source: YamlSource, schema: z.ZodType, root: unknown, path: KeyPath): string {
  const place = schemaAt(schema, path);
  const phrase = place === undefined ? "something else" : takesAt(place);
  const name = path.length === 0 ? "the file" : pathText(path);
  if (path.length > 0 && !source.has(path)) return `${name} is missing; it must be ${phrase}`;
  const value = valueAt(root, path);
  if (value === null || value === undefined || value === "") return `${name} is empty; it must be ${phrase}`;
  const list = place === undefined ? undefined : unwrap(place);
  if (Array.isArray(value) && value.length === 0 && list instanceof z.ZodArray)
    return `${name} is an empty list; it must have entries, and each must be ${takesAt(asType(list.element))}`;
  const isShort = typeof value === "number" || typeof value === "boolean";
  const said = isSecret(path) ? (isShort ? `a ${typeof value}` : "not right") : shown(value);
  if (isShort && place?.safeParse(String(value)).success === true)
    return `${name} is ${said}; it must be ${phrase}: put it in quotes`;
  if (isSecret(path)) return `${name} is ${said}; it must be ${phrase}`;
  if (place?.safeParse(withoutQuotes(value)).success === true)
    return `${name} is ${said}, in quotes and so text; it must be ${phrase}: leave out the quotes`;
  if (hasCredentials(value))
    return `${name} is ${said}; it must be ${phrase}: a name and a password are no part of it, they go into username and password (or passwordFile)`;
  const nearest = nearestValue(place, value);
  return `${name} is ${said}; ${nearest === undefined ? "it" : `did you mean ${nearest}? It`} must be ${phrase}`;
}

/** The number or truth value that a text would be without its quotes. */
function withoutQuotes(value: unknown): unknown {
  if (value === "true" || value === "false") return value === "true";
  return typeof value === "string" && value.trim() !== "" ? Number(value) : undefined;
}

function nearestValue(place: z.ZodType | undefined, value: unknown): string | undefined {
  const leaf = place === undefined ? undefined : unwrap(place);
  if (typeof value !== "string") return undefined;
  const choices = leaf instanceof z.ZodUnion ? leaf.options : [leaf];
  const names = choices.flatMap((choice) => (choice instanceof z.ZodEnum ? choice.options.map(String) : []));
  return nearestName(value, names);
}

function keyPhrase(schema: z.ZodType, path: KeyPath): string {
  const parent = schemaAt(schema, path.slice(0, -1));
  const keyType: unknown = parent instanceof z.ZodRecord ? parent.keyType : undefined;
  return keyType instanceof z.ZodType ? takesAt(keyType) : "another name";
}

/** `metrics.temperature.from` */
export function pathText(path: KeyPath): string {
  return path
    .map((step, index) =>
      typeof step === "number" ? `[${step}]` : `${index === 0 ? "" : "."}${String(step)}`,
    )
    .join("");
}

/** A secret never stands in a message, whatever is wrong with it. */
function isSecret(path: KeyPath): boolean {
  return path.at(-1) === "password" || path.at(-1) === "token";
}

/** What stands before the host of an address, up to the last @: a password may have one, too. */
const CREDENTIALS = /^([^\s:/@]*:\/\/).*@|^[^\s@]+:\S*@/s;

function hasCredentials(value: unknown): value is string {
  return typeof value === "string" && CREDENTIALS.test(value);
}

const SHOWN_LENGTH_MAX = 60;

function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  if (typeof value === "number" && !Number.isFinite(value))
    return Number.isNaN(value) ? "not a number" : "infinite";
  const text =
    JSON.stringify(hasCredentials(value) ? value.replace(CREDENTIALS, "$1…@") : value) ?? "nothing";
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

function valueAt(root: unknown, path: KeyPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.getOwnPropertyDescriptor(value, step)?.value;
  }
  return value;
}
