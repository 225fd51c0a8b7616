import type { YAMLError } from "yaml";

/** What the parser's own words do not tell somebody who knows no YAML grammar. */
const HINTS: Readonly<Partial<Record<YAMLError["code"], string>>> = {
  TAB_AS_INDENT: "indent with spaces",
  BLOCK_AS_IMPLICIT_KEY:
    "a key stands within a value: indent it as its neighbours are, or put a value with a colon in it in quotes",
  MULTILINE_IMPLICIT_KEY: "a colon and a space must follow each key",
  BAD_INDENT: "keys of one map begin in the same column, and a bracket that was opened must be closed",
  MISSING_CHAR: "what was opened must be closed",
  BAD_SCALAR_START: "put it in quotes",
};

/** The parser's message, in one line, and a way out where there is one to name. */
export function yamlMistake({ code, message }: YAMLError): string {
  // The parser's advice is for programmers.
  if (code === "MULTIPLE_DOCS") return "a second document begins with ---; a file has one: take it out";
  const [said] = message.split("\n", 1);
  const hint = HINTS[code];
  return hint === undefined ? said : `${said}; ${hint}`;
}
