/**
 * The text without comments and plain strings, line for line. Template literals stay: they hold code too. A quote
 * inside a regular expression may hide the rest of its line, never more, since plain strings end with their line.
 */
export function codeOnly(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ""))
    .replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\/\/[^\n]*/g, (match) =>
      match.startsWith("/") ? "" : '""',
    );
}
