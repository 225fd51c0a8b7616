/** A topic with named levels: `factory/{site}/{line}/temperature`. What it captures becomes labels. */
export interface TopicTemplate {
  readonly text: string;
  /** MQTT filter for all topics that may match: `factory/+/+/temperature`. */
  readonly filter: string;
  /** Names of the captures, in order. */
  readonly captures: readonly string[];
  /** The captured levels; undefined when the topic does not match. An empty level is never captured. */
  match(topic: string): Record<string, string> | undefined;
  /** The topic with these values; undefined when one is missing or cannot be a topic level. More names are allowed. */
  fill(values: Readonly<Record<string, string>>): string | undefined;
}

export type TemplateResult =
  | { readonly ok: true; readonly template: TopicTemplate }
  | { readonly ok: false; readonly reason: TemplateProblem; readonly detail: string };

export type TemplateProblem =
  | "empty"
  | "too_long"
  | "wildcard"
  | "unclosed_brace"
  | "partial_capture"
  | "bad_name"
  | "duplicate_capture"
  | "dollar_topic";

type Level = { readonly literal: string } | { readonly capture: string };

/** Bound of MQTT 3.1.1 (section 4.7.3), in UTF-8 bytes. */
const TOPIC_BYTES_MAX = 65_535;
const CAPTURE_NAME = /^[\p{L}_][\p{L}\p{N}_]*$/u;
const NOT_IN_A_LEVEL = /[/+#\0]/;

export function parseTopicTemplate(text: string): TemplateResult {
  if (text === "") return problem("empty", "the template is empty");
  if (utf8Length(text) > TOPIC_BYTES_MAX)
    return problem("too_long", `a topic has at most ${TOPIC_BYTES_MAX} bytes`);
  if (/[+#\0]/.test(text))
    return problem("wildcard", "a template names its levels: write {name} instead of + or #");
  if (text.startsWith("$")) return problem("dollar_topic", "topics that begin with $ belong to the broker");
  const levels: Level[] = [];
  const captures: string[] = [];
  for (const level of text.split("/")) {
    if (!level.includes("{") && !level.includes("}")) {
      levels.push({ literal: level });
      continue;
    }
    if (count(level, "{") !== count(level, "}"))
      return problem("unclosed_brace", `"${level}" has an open brace`);
    const name = level.slice(1, -1);
    if (!level.startsWith("{") || !level.endsWith("}") || /[{}]/.test(name)) {
      return problem("partial_capture", `"${level}": a capture takes a whole level`);
    }
    if (!CAPTURE_NAME.test(name))
      return problem("bad_name", `"${name}" is not a name of letters, digits and _`);
    if (captures.includes(name)) return problem("duplicate_capture", `{${name}} stands twice`);
    captures.push(name);
    levels.push({ capture: name });
  }
  return { ok: true, template: new ParsedTemplate(text, levels, captures) };
}

class ParsedTemplate implements TopicTemplate {
  readonly text: string;
  readonly filter: string;
  readonly captures: readonly string[];
  readonly #levels: readonly Level[];

  constructor(text: string, levels: readonly Level[], captures: readonly string[]) {
    this.text = text;
    this.#levels = levels;
    this.captures = captures;
    this.filter = levels.map((level) => ("literal" in level ? level.literal : "+")).join("/");
  }

  match(topic: string): Record<string, string> | undefined {
    if (topic.startsWith("$")) return undefined;
    const parts = topic.split("/");
    if (parts.length !== this.#levels.length) return undefined;
    const captured: [string, string][] = [];
    for (const [index, level] of this.#levels.entries()) {
      const part = parts[index];
      if ("literal" in level) {
        if (part !== level.literal) return undefined;
      } else {
        if (part === "") return undefined;
        captured.push([level.capture, part]);
      }
    }
    return Object.fromEntries(captured);
  }

  fill(values: Readonly<Record<string, string>>): string | undefined {
    const parts: string[] = [];
    for (const level of this.#levels) {
      if ("literal" in level) {
        parts.push(level.literal);
        continue;
      }
      const value = Object.hasOwn(values, level.capture) ? values[level.capture] : "";
      if (value === "" || NOT_IN_A_LEVEL.test(value)) return undefined;
      parts.push(value);
    }
    const topic = parts.join("/");
    return topic.startsWith("$") || utf8Length(topic) > TOPIC_BYTES_MAX ? undefined : topic;
  }
}

function problem(reason: TemplateProblem, detail: string): TemplateResult {
  return { ok: false, reason, detail };
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
