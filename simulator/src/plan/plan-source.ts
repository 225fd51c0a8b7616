import { MillraceError, orNearest } from "@millrace/runtime";
import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document } from "yaml";
import { z } from "zod";

type KeyPath = readonly PropertyKey[];

/** A plan file's text, whose every part knows its line and column. */
export class PlanSource {
  readonly #path: string;
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();
  readonly #problems: string[] = [];

  /** Throws config_invalid when it is no YAML. */
  constructor(text: string, path: string) {
    this.#path = path;
    const options = { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: true };
    this.#document = parseDocument(text, options);
    for (const error of this.#document.errors) this.#add(error.pos[0], error.message);
    this.refuseProblems();
  }

  /** Throws config_invalid with all problems. */
  parse<Schema extends z.ZodType>(schema: Schema): z.output<Schema> {
    const value: unknown = this.#document.toJS();
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) this.#addIssue(issue, schema, value);
    this.refuseProblems();
    throw new Error("invariant: a refused plan names its problems");
  }

  addProblem(path: KeyPath, message: string): void {
    this.#add(this.#offsetOf(path), message);
  }

  /** Throws config_invalid if there are problems. */
  refuseProblems(): void {
    if (this.#problems.length === 0) return;
    const count = this.#problems.length === 1 ? "1 line" : `${this.#problems.length} lines`;
    const problems = this.#problems.map((problem) => `  ${problem}`).join("\n");
    throw new MillraceError("config_invalid", { path: this.#path, count, problems });
  }

  #add(offset: number | undefined, message: string): void {
    const { line, col } = this.#lines.linePos(offset ?? 0);
    this.#problems.push(`${this.#path}:${Math.max(1, line)}:${Math.max(1, col)}: ${message}`);
  }

  #addIssue(issue: z.core.$ZodIssue, schema: z.ZodType, root: unknown): void {
    const { path } = issue;
    const title = path.join(".") || "plan";
    if (issue.code === "unrecognized_keys" || issue.code === "invalid_key") {
      const keys = issue.code === "invalid_key" ? [String(path.at(-1))] : issue.keys;
      const parent = issue.code === "invalid_key" ? path.slice(0, -1) : path;
      const known = knownKeys(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }), parent, root);
      for (const key of keys)
        this.#add(this.#offsetOf([...parent, key], true), `unknown key "${key}"; ${orNearest(key, known)}`);
      return;
    }
    const value = valueAt(root, path);
    const choices =
      issue.code === "invalid_value"
        ? issue.values.map(String)
        : issue.code === "invalid_union" && issue.discriminator !== undefined
          ? knownChoices(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }), issue.discriminator)
          : [];
    const found = value === undefined ? "missing" : JSON.stringify(value);
    const message =
      choices.length === 0
        ? issue.message
        : `${found}; ${orNearest(typeof value === "string" ? value : "", choices)}`;
    this.#add(this.#offsetOf(path), `${title}: ${message}`);
  }

  /** Where the node at a path begins: its key if asked, else its value, else the nearest parent that is there. */
  #offsetOf(path: KeyPath, isKey = false): number | undefined {
    for (let length = path.length; length > 0; length--) {
      const steps = path.slice(0, length);
      if (isKey && length === path.length) {
        const parent =
          length === 1 ? this.#document.contents : this.#document.getIn(steps.slice(0, -1), true);
        const pair = isMap(parent)
          ? parent.items.find((item) => isScalar(item.key) && item.key.value === steps.at(-1))
          : undefined;
        if (isScalar(pair?.key)) return pair.key.range?.[0];
      }
      const node = this.#document.getIn(steps, true);
      if (isNode(node)) return node.range?.[0];
    }
    return this.#document.contents?.range?.[0];
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

function fits({ properties }: JsonSchema, value: unknown): boolean {
  return Object.entries(properties ?? {}).every(
    ([key, property]) =>
      !isSchema(property) || property.const === undefined || property.const === valueAt(value, [key]),
  );
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
