import {
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  parse,
  visit,
  type Document,
} from "yaml";
import { yamlMistake } from "./yaml-hint.ts";
import { type Environment, substituteEnvironment } from "./environment.ts";
import type { Problem } from "./problem.ts";

export type KeyPath = readonly PropertyKey[];

/** One YAML text that knows where each of its values stands. */
export class YamlSource {
  readonly path: string;
  readonly #text: string;
  readonly #lines = new LineCounter();
  readonly #document: Document;
  readonly #problems: Problem[] = [];
  #value: unknown = {};
  readonly #substituted = new Set<unknown>();

  /** `environment` null: `${NAME}` is text like any other. */
  constructor(path: string, text: string, environment: Environment | null) {
    this.path = path;
    this.#text = text;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: true });
    // What a decoder makes of bytes that are none; nobody writes it into a configuration.
    const undecodedAt = text.indexOf("\ufffd");
    if (undecodedAt >= 0) {
      const message = "this is not UTF-8; save the file in that encoding";
      this.#problems.push(this.#problemAtOffset(undecodedAt, message));
      return;
    }
    const { errors, warnings } = this.#document;
    // What follows the first error of syntax only follows from it.
    const syntaxAt = errors.findIndex(({ code }) => code !== "DUPLICATE_KEY");
    for (const error of syntaxAt < 0 ? [...errors, ...warnings] : errors.slice(0, syntaxAt + 1)) {
      const message =
        error.code === "DUPLICATE_KEY"
          ? `the key ${JSON.stringify(this.#keyAt(error.pos[0]))} is there twice; keep one`
          : `this is not valid YAML: ${yamlMistake(error)}`;
      this.#problems.push(this.#problemAtOffset(error.pos[0], message));
    }
    if (syntaxAt < 0) this.#checkKeysAndAliases();
    if (this.#problems.length > 0) return;
    if (environment !== null) this.#substitute(environment);
    this.#value = this.#resolveValue();
  }

  /** YAML that cannot be read, and variables that are not set. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** The values; variables' values are text. An empty file is an empty map. */
  toValue(): unknown {
    return this.#value;
  }

  has(path: KeyPath): boolean {
    return this.#document.hasIn(path);
  }

  /** What a variable's text would be if it stood in the file itself: `1883` a number. Undefined where no variable stands. */
  retyped(path: KeyPath): string | number | boolean | undefined {
    const node = this.#document.getIn(path, true);
    if (!isScalar(node) || !this.#substituted.has(node) || typeof node.value !== "string") return undefined;
    let value: unknown;
    try {
      value = parse(node.value);
    } catch {
      return undefined;
    }
    return typeof value === "number" || typeof value === "boolean" ? value : undefined;
  }

  /** A problem at a value; where there is none, at the nearest parent's key. `key`: at the key itself. */
  problemAt(path: KeyPath, message: string, place: "value" | "key" = "value"): Problem {
    return this.#problemAtOffset(this.#offsetOf(path, place), message);
  }

  #offsetOf(path: KeyPath, place: "value" | "key"): number {
    if (path.length === 0) return this.#firstOffset();
    const parent = this.#document.getIn(path.slice(0, -1), true) ?? this.#document.contents;
    const last = path.at(-1);
    if (isMap(parent)) {
      const pair = parent.items.find(
        (item) => (isScalar(item.key) ? String(item.key.value) : String(item.key)) === String(last),
      );
      if (pair !== undefined) {
        const key = isNode(pair.key) ? pair.key.range?.[0] : undefined;
        const value = isNode(pair.value) ? pair.value.range?.[0] : undefined;
        // A key without value: YAML places the null behind the line, the key is what a reader looks for.
        const isEmpty = isScalar(pair.value) && pair.value.source === "";
        return (place === "key" || isEmpty ? (key ?? value) : (value ?? key)) ?? 0;
      }
    } else if (isCollection(parent) && typeof last === "number") {
      const item = parent.items[last];
      if (isNode(item)) return item.range?.[0] ?? 0;
      if (isPair(item) && isNode(item.key)) return item.key.range?.[0] ?? 0;
    }
    return this.#offsetOf(path.slice(0, -1), "key");
  }

  #firstOffset(): number {
    const contents = this.#document.contents;
    return isNode(contents) ? (contents.range?.[0] ?? 0) : 0;
  }

  #problemAtOffset(offset: number, message: string): Problem {
    const { line, col } = this.#text === "" ? { line: 1, col: 1 } : this.#lines.linePos(offset);
    const [start, end] = [
      this.#lines.lineStarts[line - 1] ?? 0,
      this.#lines.lineStarts[line] ?? this.#text.length,
    ];
    const excerpt = this.#text.slice(start, end).replace(/\r?\n$/, "");
    return { path: this.path, line: Math.max(1, line), column: Math.max(1, col), message, excerpt };
  }

  #keyAt(offset: number): string {
    let name = "";
    visit(this.#document, {
      Pair: (_, { key }) => {
        if (isScalar(key) && key.range?.[0] === offset) name = String(key.value);
      },
    });
    return name;
  }

  /** What is YAML but nothing a configuration can mean. */
  #checkKeysAndAliases(): void {
    visit(this.#document, {
      Pair: (_, pair) => {
        const message = !isScalar(pair.key)
          ? "a key must be text; put braces in quotes where they are meant"
          : pair.key.value === "__proto__"
            ? "nothing can be named __proto__; take another name"
            : null;
        const offset = isNode(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
        if (message !== null) this.#problems.push(this.#problemAtOffset(offset, message));
      },
      Alias: (_, alias) => {
        if (alias.resolve(this.#document) !== undefined) return;
        const message = `*${alias.source} names no anchor; write &${alias.source} before the value that it repeats`;
        this.#problems.push(this.#problemAtOffset(alias.range?.[0] ?? 0, message));
      },
    });
  }

  #resolveValue(): unknown {
    try {
      return this.#document.toJS() ?? {};
    } catch (error) {
      // Aliases of aliases that would fill the memory.
      const reason = error instanceof Error ? error.message : String(error);
      this.#problems.push(this.#problemAtOffset(0, `this is not valid YAML: ${firstLine(reason)}`));
      return {};
    }
  }

  #substitute(environment: Environment): void {
    visit(this.#document, {
      Scalar: (key, node) => {
        if (key === "key" || typeof node.value !== "string" || !node.value.includes("${")) return;
        const { text, missing } = substituteEnvironment(node.value, environment);
        for (const name of missing) {
          const message = `environment variable ${name} is not set; set it, or write \${${name}:-default}`;
          this.#problems.push(this.#problemAtOffset(node.range?.[0] ?? 0, message));
        }
        node.value = text;
        this.#substituted.add(node);
      },
    });
  }
}

function firstLine(message: string): string {
  return message.split("\n", 1)[0];
}
