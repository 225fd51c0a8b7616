type Part = { readonly literal: string } | { readonly capture: string };

const CAPTURE = /\{([\p{L}_][\p{L}\p{N}_]*)\}/gu;
/** What ends a level in names of devices: `urn:dev:mac:0024befffe804ff1/voltage`. */
const LEVEL_ENDS = ":/";

/**
 * A name with captures, such as `urn:dev:ow:{device}:{sensor}`. A capture takes one character or more, none of them `:`,
 * `/` or the one that follows the capture: so there is one way to match, found in one pass.
 */
export class NamePattern {
  readonly text: string;
  readonly captures: readonly string[];
  readonly #parts: readonly Part[];

  private constructor(text: string, parts: readonly Part[]) {
    this.text = text;
    this.#parts = parts;
    this.captures = parts.flatMap((part) => ("capture" in part ? [part.capture] : []));
  }

  /** Undefined when it is empty, has a brace without partner, a capture twice or two without anything between them. */
  static parse(text: string): NamePattern | undefined {
    const parts: Part[] = [];
    let at = 0;
    for (const match of text.matchAll(CAPTURE)) {
      if (match.index > at) parts.push({ literal: text.slice(at, match.index) });
      else if (at > 0) return undefined;
      parts.push({ capture: match[1] });
      at = match.index + match[0].length;
    }
    if (at < text.length) parts.push({ literal: text.slice(at) });
    const pattern = new NamePattern(text, parts);
    const hasBrace = parts.some((part) => "literal" in part && /[{}]/.test(part.literal));
    const isUnique = new Set(pattern.captures).size === pattern.captures.length;
    return parts.length === 0 || hasBrace || !isUnique ? undefined : pattern;
  }

  /** What was captured, in order; undefined when the name is another. */
  match(name: string): readonly string[] | undefined {
    const captured: string[] = [];
    let at = 0;
    for (const [index, part] of this.#parts.entries()) {
      if ("literal" in part) {
        if (!name.startsWith(part.literal, at)) return undefined;
        at += part.literal.length;
        continue;
      }
      const next = this.#parts[index + 1];
      const ends = next !== undefined && "literal" in next ? LEVEL_ENDS + next.literal[0] : LEVEL_ENDS;
      const start = at;
      while (at < name.length && !ends.includes(name[at])) at += 1;
      if (at === start) return undefined;
      captured.push(name.slice(start, at));
    }
    return at === name.length ? captured : undefined;
  }
}
