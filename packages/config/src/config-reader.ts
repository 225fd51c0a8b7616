import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { MillraceError, reasonOf, systemClock } from "@millrace/runtime";
import type { z } from "zod";
import { ConfigError } from "./config-error.ts";
import type { LoadOptions } from "./load.ts";
import type { Problem } from "./problem.ts";
import { pathText, schemaProblems } from "./schema-problems.ts";
import { type KeyPath, YamlSource } from "./yaml-source.ts";

/** Says of one place of the file what is wrong there. */
export type Tell = (path: KeyPath, message: string) => void;

/** One configuration file while it is being read: collects everything that is wrong, then refuses it at once. */
export class ConfigReader {
  readonly path: string;
  readonly source: YamlSource;
  readonly nowMs: number;
  readonly #readFile: (path: string) => string;
  readonly #toleratesFiles: boolean;
  readonly #problems: Problem[] = [];
  readonly #warnings: Problem[] = [];

  /** Throws `config_unreadable`; `config_invalid` where the text is not even YAML. */
  constructor(path: string, options: LoadOptions) {
    this.path = resolve(path);
    this.nowMs = options.nowMs ?? systemClock.nowMs();
    this.#readFile = options.readFile ?? readText;
    this.#toleratesFiles = options.toleratesFiles ?? false;
    let text: string;
    try {
      text = this.#readFile(this.path);
    } catch (error) {
      throw new MillraceError("config_unreadable", { path, reason: fileReason(error) }, { cause: error });
    }
    this.source = new YamlSource(path, text, options.env ?? process.env);
    if (this.source.problems.length > 0) throw new ConfigError(path, this.source.problems);
  }

  /** The value as the schema has it; undefined when it does not fit, and then why is among the problems. */
  parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> | undefined {
    const first = schema.safeParse(value);
    if (first.success) return first.data;
    const retyped = this.#retype(value, first.error.issues);
    const second = retyped ? schema.safeParse(value) : first;
    if (second.success) return second.data;
    for (const problem of schemaProblems(this.source, schema, value, second.error.issues))
      this.#problems.push(problem);
    return undefined;
  }

  problem(path: KeyPath, message: string, place: "value" | "key" = "value"): void {
    this.#problems.push(this.source.problemAt(path, message, place));
  }

  /** Of a file that the configuration names: it may be mended, or written, later. */
  readonly fileProblem: Tell = (path, message) => {
    if (!this.#toleratesFiles) this.problem(path, message);
  };

  warning(path: KeyPath, message: string, place: "value" | "key" = "value"): void {
    this.#warnings.push(this.source.problemAt(path, message, place));
  }

  /** Absolute; relative paths begin at the file's folder. */
  resolvePath(path: string): string {
    return resolve(dirname(this.path), path);
  }

  /** A folder that is there, or that can be made. */
  resolveFolder(keyPath: KeyPath, path: string): string {
    const folder = this.resolvePath(path);
    const obstacle = fileOnTheWayTo(folder);
    if (obstacle !== undefined) {
      const what = obstacle === folder ? "it" : obstacle;
      this.problem(keyPath, `${pathText(keyPath)} names ${folder}: ${what} is a file; name a folder`);
    }
    return folder;
  }

  /** The text of a file that the configuration names; undefined where it cannot be read, which is told: by default, as a problem. */
  readNamedFile(keyPath: KeyPath, path: string, tell = this.fileProblem): string | undefined {
    try {
      return this.#readFile(this.resolvePath(path));
    } catch (error) {
      const message = `${pathText(keyPath)} names ${this.resolvePath(path)}: ${fileReason(error)}; relative paths begin at this file's folder`;
      tell(keyPath, message);
      return undefined;
    }
  }

  /** A secret given itself or as a file's first line; null where neither is. `name` is its key in the file. */
  readSecret(
    parent: KeyPath,
    given: { readonly password?: string | undefined; readonly passwordFile?: string | undefined },
    name: "password" | "token" | "value" = "password",
  ): string | null {
    if (given.passwordFile === undefined) return given.password ?? null;
    if (given.password !== undefined) {
      this.problem(
        [...parent, `${name}File`],
        `${pathText(parent)} has both ${name} and ${name}File; keep one`,
        "key",
      );
    }
    const keyPath = [...parent, `${name}File`];
    const text = this.readNamedFile(keyPath, given.passwordFile);
    if (text === undefined) return "";
    const secret = text.split(/\r?\n/, 1)[0];
    if (secret === "") {
      const file = this.resolvePath(given.passwordFile);
      this.fileProblem(
        keyPath,
        `${pathText(keyPath)} names ${file}: its first line is empty; the ${name} must be there`,
      );
    }
    return secret;
  }

  /** Throws `config_invalid` with all problems; else returns the warnings, both in order of the file. */
  finish(): readonly Problem[] {
    if (this.#problems.length > 0) this.refuse();
    return inOrder(this.#warnings);
  }

  readonly problemAt = (path: KeyPath, message: string): Problem =>
    this.source.problemAt(path, message, "key");

  /** For a file that does not fit its schema. */
  refuse(): never {
    throw new ConfigError(this.source.path, inOrder(this.#problems));
  }

  /** A variable's text becomes a number or a boolean where the schema wants one. True when anything changed. */
  #retype(value: unknown, issues: readonly z.core.$ZodIssue[]): boolean {
    let isChanged = false;
    for (const { path } of issues) {
      const retyped = this.source.retyped(path);
      if (retyped !== undefined) isChanged = setAt(value, path, retyped) || isChanged;
    }
    return isChanged;
  }
}

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

function setAt(root: unknown, path: KeyPath, value: unknown): boolean {
  let parent = root;
  for (const step of path.slice(0, -1)) {
    if (typeof parent !== "object" || parent === null) return false;
    parent = Object.getOwnPropertyDescriptor(parent, step)?.value;
  }
  const last = path.at(-1);
  if (typeof parent !== "object" || parent === null || last === undefined) return false;
  return Reflect.set(parent, last, value);
}

/** Undefined also where this user may not look: the start says more. */
function fileOnTheWayTo(folder: string): string | undefined {
  try {
    for (let path = folder; ; path = dirname(path)) {
      const found = statSync(path, { throwIfNoEntry: false });
      if (found !== undefined) return found.isDirectory() ? undefined : path;
      if (path === dirname(path)) return undefined;
    }
  } catch {
    return undefined;
  }
}

function readText(path: string): string {
  return readFileSync(path, "utf8");
}

const FILE_REASONS: ReadonlyMap<unknown, string> = new Map([
  ["ENOENT", "there is no such file"],
  ["EACCES", "permission denied"],
  ["EISDIR", "it is a folder"],
]);

function fileReason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return FILE_REASONS.get(code) ?? reasonOf(error);
}
