/** One command of a program: `millrace-agent run --config agent.yaml`. */
export interface Command {
  /** One line, begins with a verb. */
  readonly summary: string;
  /** Further help, below the summary. */
  readonly details?: string;
  readonly flags: Flags;
  /** What follows the command, in order: `FILE` must be there, `[FILE]` may, `FILE…` and `[FILE…]` take all the rest. Default: nothing. */
  readonly words?: readonly string[];
  /** Resolves to nothing (exit 0) or to an exit code. */
  run(input: CommandInput): Promise<ExitCode | void> | ExitCode | void;
}

/** 3: not yet, ask again; 130: interrupted, with its work not done. */
export type ExitCode = 0 | 1 | 2 | 3 | 130;
export type Flags = Readonly<Record<string, Flag>>;

export interface Flag {
  readonly type: FlagType;
  readonly summary: string;
  /** What stands for the value in the help: FILE. Default: the type in capitals. */
  readonly placeholder?: string;
  readonly short?: string;
  readonly default?: string;
  readonly isRequired?: boolean;
  /** May be given several times. */
  readonly isMany?: boolean;
}

/** Durations as `30s`, `250ms`, `5m`, `2h`, `7d`; numbers as decimals. */
export type FlagType = "text" | "number" | "duration" | "switch";

export interface CommandInput {
  /** Program and command, for messages: `millrace-agent run`. */
  readonly name: string;
  readonly flags: FlagReader;
  readonly words: readonly string[];
  readonly output: ProgramOutput;
}

/** Typed access to the flags that the command's table declares; anything else breaks an invariant. */
export interface FlagReader {
  isOn(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  number(name: string): number | undefined;
  durationMs(name: string): number | undefined;
  /** For flags with a default or `isRequired`. */
  requiredText(name: string): string;
}

export interface ProgramOutput {
  out(text: string): void;
  err(text: string): void;
}
