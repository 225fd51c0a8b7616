/** A fenced block of a Markdown page. */
export interface CodeBlock {
  /** The word behind the fence: `sh`, `yaml`; empty where there is none. */
  readonly language: string;
  readonly text: string;
}

/** `[label]: target "title"`: where the links `[label]` and `[text][label]` lead. */
export interface LinkDefinition {
  readonly label: string;
  readonly target: string;
  /** Empty where there is none. */
  readonly title: string;
}

/** A Markdown page as far as its tests look at it. */
export interface Page {
  readonly blocks: readonly CodeBlock[];
  /** Targets of links and pictures, without those to other hosts. */
  readonly links: readonly string[];
  readonly definitions: readonly LinkDefinition[];
  /** The labels of links that lead where a definition says, in order. */
  readonly labels: readonly string[];
  /** Inline code. */
  readonly codes: readonly string[];
  /** What `#…` may name, as the hosting sites make it of the headings. */
  readonly anchors: readonly string[];
}

const BLOCK = /^```(\w*)[^\n]*\n(.*?)^```$/gms;
const LINK = /!?\[[^\]]*\]\(([^)\s]+)\)/g;
const DEFINITION = /^\[([^\]]+)\]: (\S+)(?: "(.*)")?$/gm;
const LABEL = /(?:\[[^\]]*\])?\[([^\]]+)\](?!\()/g;
const CODE = /`([^`\n]+)`/g;
const HEADING = /^#{1,6} +(.+)$/gm;
const OTHER_HOST = /^(https?|mailto):/;

export function parsePage(markdown: string): Page {
  const blocks = [...markdown.matchAll(BLOCK)].map(([, language = "", text = ""]) => ({ language, text }));
  const text = markdown.replaceAll(BLOCK, "");
  const definitions = [...text.matchAll(DEFINITION)].map(([, label = "", target = "", title = ""]) => ({
    label,
    target,
    title,
  }));
  const prose = text.replaceAll(DEFINITION, "");
  const links = [
    ...[...prose.matchAll(LINK)].map(([, target = ""]) => target),
    ...definitions.map(({ target }) => target),
  ];
  return {
    blocks,
    links: links.filter((target) => !OTHER_HOST.test(target)),
    definitions,
    labels: [...prose.replaceAll(CODE, "").matchAll(LABEL)].map(([, label = ""]) => label),
    codes: [...prose.matchAll(CODE)].map(([, code = ""]) => code),
    anchors: [...prose.matchAll(HEADING)].map(([, title = ""]) => anchorOf(title)),
  };
}

/** The lines of all blocks of shell commands, in order. */
export function commandLines({ blocks }: Page): string[] {
  return blocks.filter(({ language }) => language === "sh").flatMap(({ text }) => text.trimEnd().split("\n"));
}

function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
}
