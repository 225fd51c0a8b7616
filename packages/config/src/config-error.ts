import { MillraceError } from "@millrace/runtime";
import { formatProblemWithExcerpt, type Problem } from "./problem.ts";

/** `config_invalid` with all of a file's problems. */
export class ConfigError extends MillraceError<"config_invalid"> {
  /** In order of the file. */
  readonly problems: readonly Problem[];

  constructor(path: string, problems: readonly Problem[]) {
    const count = problems.length === 1 ? "1 error" : `${problems.length} errors`;
    super("config_invalid", { path, count, problems: problems.map(formatProblemWithExcerpt).join("\n") });
    this.problems = problems;
  }
}
