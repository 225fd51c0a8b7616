import type { Parsed, Rejected } from "./parsed.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** Made once: to make one costs more than to read a heartbeat. */
const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** The JSON value of UTF-8 bytes. */
export function parseJsonBytes(bytes: Uint8Array, bytesMax: number): Parsed<unknown> {
  if (bytes.length > bytesMax)
    return { ok: false, reason: "oversized", detail: `${bytes.length} bytes, at most ${bytesMax}` };
  try {
    const message: unknown = JSON.parse(UTF8.decode(bytes));
    return { ok: true, message };
  } catch (error) {
    return { ok: false, reason: "malformed", detail: error instanceof Error ? error.message : "not JSON" };
  }
}

/**
 * Reads the fields of an object from outside, each checked. The first problem is kept and what was read so far is of no
 * use; `result` says which. Unknown keys are not looked at: a newer side may say more.
 */
export class JsonFields {
  readonly #object: JsonObject;
  readonly #path: string;
  readonly #root: JsonFields;
  #problem: string | undefined;

  constructor(value: unknown, path = "", root?: JsonFields) {
    this.#path = path;
    this.#root = root ?? this;
    this.#object = isJsonObject(value) ? value : {};
    if (!isJsonObject(value)) this.#fail("", "is not an object");
  }

  result<Message>(message: Message): Parsed<Message> {
    const problem = this.#root.#problem;
    return problem === undefined ? { ok: true, message } : rejected(problem);
  }

  /** A text of at most `lengthMax` characters (UTF-16 units). */
  text(name: string, lengthMax: number, pattern?: RegExp): string {
    const value = this.#get(name);
    if (typeof value !== "string") return this.#fail(name, "is not a text", "");
    if (value.length > lengthMax) return this.#fail(name, `is longer than ${lengthMax} characters`, "");
    if (pattern !== undefined && !pattern.test(value))
      return this.#fail(name, `does not match ${pattern}`, "");
    return value;
  }

  /** A safe integer, at least `min`. */
  integer(name: string, min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.#get(name);
    if (typeof value !== "number" || !Number.isSafeInteger(value))
      return this.#fail(name, "is not an integer", min);
    if (value < min || value > max) return this.#fail(name, `is not within ${min}–${max}`, min);
    return value;
  }

  /** Older sides do not say everything. */
  has(name: string): boolean {
    return this.#get(name) !== undefined;
  }

  integerOrNull(name: string, min = Number.MIN_SAFE_INTEGER): number | null {
    return this.#get(name) === null ? null : this.integer(name, min);
  }

  finite(name: string): number {
    const value = this.#get(name);
    return typeof value === "number" && Number.isFinite(value)
      ? value
      : this.#fail(name, "is not a finite number", 0);
  }

  flag(name: string): boolean {
    const value = this.#get(name);
    return typeof value === "boolean" ? value : this.#fail(name, "is not true or false", false);
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice {
    const value = this.#get(name);
    const choice = choices.find((known) => known === value);
    return choice ?? this.#fail(name, `is not one of ${choices.join(", ")}`, choices[0]);
  }

  object(name: string): JsonFields {
    return new JsonFields(this.#get(name), this.#pathOf(name), this.#root);
  }

  objectOrNull(name: string): JsonFields | null {
    return this.#get(name) === null ? null : this.object(name);
  }

  list<Item>(name: string, countMax: number, item: (fields: JsonFields) => Item): Item[] {
    const value = this.#get(name);
    if (!Array.isArray(value)) return this.#fail(name, "is not a list", []);
    if (value.length > countMax) return this.#fail(name, `has more than ${countMax} entries`, []);
    return value.map((entry, index) =>
      item(new JsonFields(entry, `${this.#pathOf(name)}[${index}]`, this.#root)),
    );
  }

  /** Integers, at most `countMax` of them. */
  integers(name: string, countMax: number, min: number): number[] {
    const value = this.#get(name);
    const isSound =
      Array.isArray(value) &&
      value.length <= countMax &&
      value.every((n) => Number.isSafeInteger(n) && n >= min);
    return isSound
      ? value
      : this.#fail(name, `is not a list of at most ${countMax} integers from ${min}`, []);
  }

  /** Values by free names. */
  record<Value>(
    name: string,
    bounds: { readonly countMax: number; readonly nameLengthMax: number },
    isValue: (value: unknown) => value is Value,
  ): Record<string, Value> {
    const value = this.#get(name);
    if (!isJsonObject(value)) return this.#fail(name, "is not an object", {});
    const entries = Object.entries(value);
    if (entries.length > bounds.countMax)
      return this.#fail(name, `has more than ${bounds.countMax} entries`, {});
    const checked: [string, Value][] = [];
    for (const [key, entry] of entries) {
      if (key.length > bounds.nameLengthMax || !isValue(entry)) {
        return this.#fail(`${name}.${key.slice(0, bounds.nameLengthMax)}`, "is not of the right kind", {});
      }
      checked.push([key, entry]);
    }
    return Object.fromEntries(checked);
  }

  /** For a check that needs more than one field. */
  require(isTrue: boolean, name: string, problem: string): void {
    if (!isTrue) this.#fail(name, problem);
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#object, name) ? this.#object[name] : undefined;
  }

  #pathOf(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }

  #fail(name: string, problem: string): void;
  #fail<Value>(name: string, problem: string, value: Value): Value;
  #fail<Value>(name: string, problem: string, value?: Value): Value | undefined {
    const where = name === "" ? this.#path || "message" : this.#pathOf(name);
    this.#root.#problem ??= `${where} ${problem}`;
    return value;
  }
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function rejected(detail: string): Rejected {
  return { ok: false, reason: "malformed", detail };
}
