import { ConfigError, YamlSource, type KeyPath, type Problem } from "@millrace/config";
import { orNearest } from "@millrace/runtime";
import { z } from "zod";
import { choiceMessage, issueMessage } from "./issue-message.ts";

/** A plan file's text, whose every part knows its line and column. What it says does not depend on the environment. */
export class PlanSource {
  readonly #yaml: YamlSource;
  readonly #problems: Problem[];

  /** Throws config_invalid when it is no YAML. */
  constructor(text: string, path: string) {
    this.#yaml = new YamlSource(path, text, null);
    this.#problems = [...this.#yaml.problems];
    this.refuseProblems();
  }

  /** Of the file; paths in it begin at its folder. */
  get path(): string {
    return this.#yaml.path;
  }

  /** Throws config_invalid with all problems. */
  parse<Schema extends z.ZodType>(schema: Schema): z.output<Schema> {
    const value = this.#yaml.toValue();
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const { issues } = parsed.error;
    // Of a number that is too great for two reasons the narrower one counts, which comes last.
    const isSaidAgain = (issue: z.core.$ZodIssue, at: number): boolean =>
      (issue.code === "too_big" || issue.code === "too_small") &&
      issues
        .slice(at + 1)
        .some((later) => later.code === issue.code && later.path.join("\0") === issue.path.join("\0"));
    for (const [at, issue] of issues.entries())
      if (!isSaidAgain(issue, at)) this.#addIssue(issue, schema, value);
    this.refuseProblems();
    throw new Error("invariant: a refused plan names its problems");
  }

  addProblem(path: KeyPath, message: string): void {
    this.#problems.push(this.#yaml.problemAt(path, message));
  }

  /** Throws config_invalid if there are problems. */
  refuseProblems(): void {
    if (this.#problems.length === 0) return;
    const inOrder = this.#problems.toSorted(
      (one, other) => one.line - other.line || one.column - other.column,
    );
    throw new ConfigError(this.#yaml.path, inOrder);
  }

  #addIssue(issue: z.core.$ZodIssue, schema: z.ZodType, root: unknown): void {
    const { path } = issue;
    const title = path.join(".") || "plan";
    if (issue.code === "unrecognized_keys" || issue.code === "invalid_key") {
      const keys = issue.code === "invalid_key" ? [String(path.at(-1))] : issue.keys;
      const parent = issue.code === "invalid_key" ? path.slice(0, -1) : path;
      const known = knownKeys(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }), parent, root);
      // A name that its map does not take has none that it might have meant.
      const reason =
        issue.code === "invalid_key" && known.length === 0 ? issue.issues[0]?.message : undefined;
      for (const key of keys) {
        const message =
          reason === undefined
            ? `unknown key "${key}"; ${orNearest(key, known)}`
            : `"${key}" is no name here; it must be: ${reason}`;
        this.#problems.push(this.#yaml.problemAt([...parent, key], message, "key"));
      }
      return;
    }
    const value = valueAt(root, path);
    const choices =
      issue.code === "invalid_union" && issue.discriminator !== undefined
        ? knownChoices(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }), issue.discriminator)
        : [];
    const message = choices.length === 0 ? issueMessage(issue, value) : choiceMessage(value, choices);
    this.addProblem(path, `${title}: ${message}`);
  }
}

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The keys that a map in the file may have. Of a union the member counts whose constants are the file's. */
function knownKeys(schema: JsonSchema, path: KeyPath, root: unknown): string[] {
  let places: JsonSchema[] = [schema];
  let value = root;
  for (const step of [...path, null]) {
    places = places.flatMap((place) => membersOf(place)).filter((place) => fits(place, value));
    if (step === null) break;
    value = valueAt(value, [step]);
    places = places.flatMap((place) => {
      const { properties, additionalProperties, items } = place;
      const inside = properties?.[String(step)] ?? (typeof step === "number" ? items : additionalProperties);
      return isSchema(inside) ? [inside] : [];
    });
  }
  return places.flatMap(({ properties, propertyNames }) => [
    ...Object.keys(properties ?? {}),
    ...(isSchema(propertyNames) ? (propertyNames.enum ?? []).map(String) : []),
  ]);
}

function membersOf(place: JsonSchema): JsonSchema[] {
  const members = [...(place.anyOf ?? []), ...(place.oneOf ?? [])].filter(isSchema);
  return members.length === 0 ? [place] : members.flatMap(membersOf);
}

/** A constant that the file lacks decides nothing: that it is missing is a mistake of its own. */
function fits({ properties }: JsonSchema, value: unknown): boolean {
  return Object.entries(properties ?? {}).every(([key, property]) => {
    const found = valueAt(value, [key]);
    return (
      !isSchema(property) || property.const === undefined || found === undefined || property.const === found
    );
  });
}

/** What the key that tells a union's members apart may be, anywhere in the schema. */
function knownChoices(schema: JsonSchema, key: string): string[] {
  const found = new Set<string>();
  const visit = (place: unknown): void => {
    if (Array.isArray(place)) place.forEach(visit);
    if (!isSchema(place)) return;
    const property = place.properties?.[key];
    if (isSchema(property) && property.const !== undefined) found.add(String(property.const));
    Object.values(place).forEach(visit);
  };
  visit(schema);
  return [...found];
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function valueAt(root: unknown, path: KeyPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.getOwnPropertyDescriptor(value, step)?.value;
  }
  return value;
}
