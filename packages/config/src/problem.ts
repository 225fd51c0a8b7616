/** Something wrong, or doubtful, at one place of a configuration file. */
export interface Problem {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** What is wrong; what is allowed. */
  readonly message: string;
  /** The line itself, without its end. */
  readonly excerpt: string;
}

/** `file:line:column: message`, the form that editors and terminals make clickable. */
export function formatProblem(problem: Problem): string {
  return `${problem.path}:${problem.line}:${problem.column}: ${problem.message}`;
}

/** With the line below and a caret under the place. */
export function formatProblemWithExcerpt(problem: Problem): string {
  const gutter = `${String(problem.line).padStart(5)} | `;
  const blank = `${" ".repeat(5)} | `;
  const { shown, caret } = cut(problem.excerpt.replaceAll("\t", " "), problem.column - 1);
  return `${formatProblem(problem)}\n${gutter}${shown}\n${blank}${" ".repeat(caret)}^`;
}

const EXCERPT_LENGTH_MAX = 100;

/** The part of a long line around the place. */
function cut(line: string, column: number): { readonly shown: string; readonly caret: number } {
  if (line.length <= EXCERPT_LENGTH_MAX) return { shown: line, caret: column };
  const start = Math.max(0, Math.min(column - EXCERPT_LENGTH_MAX / 2, line.length - EXCERPT_LENGTH_MAX));
  const shown = `${start > 0 ? "…" : ""}${line.slice(start, start + EXCERPT_LENGTH_MAX)}`;
  return { shown, caret: column - start + (start > 0 ? 1 : 0) };
}

/** The first, and where the others are; null where there is none. `check` has them all. */
export function formatWarnings(warnings: readonly Problem[]): string | null {
  if (warnings.length === 0) return null;
  const more = warnings.length - 1;
  return `${formatProblem(warnings[0])}${more === 0 ? "" : ` (and ${more} more: \`millrace-agent check\` shows all)`}`;
}
