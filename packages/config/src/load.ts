import type { Problem } from "./problem.ts";

export interface LoadOptions {
  /** Default: the real file, UTF-8. Throws what `fs.readFileSync` throws. */
  readonly readFile?: (path: string) => string;
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * What is wrong with the files of secrets and certificates is no problem, and they are taken as they are: for commands that write
   * such files, or only ask the running program, whose files may be half renewed.
   */
  readonly toleratesFiles?: boolean;
  /** Whether certificates have expired. Default: the real clock. */
  readonly nowMs?: number;
}

export interface Loaded<Config> {
  readonly config: Config;
  /** What is doubtful, in order of the file; `formatProblem` makes lines of them. */
  readonly warnings: readonly Problem[];
  /** Says something of one place of the file: for what can be judged only by whoever uses it. */
  problemAt(path: readonly (string | number)[], message: string): Problem;
}
