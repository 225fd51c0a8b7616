import { parseArgs } from "node:util";
import type { Command, CommandInput, ExitCode, Flag, FlagReader, Flags, ProgramOutput } from "./command.ts";
import { parseDuration } from "./duration.ts";
import { MillraceError, toExitCode } from "./error.ts";
import { nearestName } from "./nearest-name.ts";
import { commandHelp, programHelp } from "./program-help.ts";

export interface Program {
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** What --version prints. */
  version(): string;
  readonly commands: Readonly<Record<string, Command>>;
}

/**
 * Runs one command line (without node and script) to its exit code: 0 success, 1 failure, 2 wrong use or configuration.
 * Operating errors are printed plainly; only a broken invariant shows its stack.
 */
export async function runProgram(
  program: Program,
  argv: readonly string[],
  output: ProgramOutput = processOutput,
): Promise<ExitCode> {
  try {
    return await dispatch(program, argv, output);
  } catch (error) {
    if (error instanceof MillraceError) output.err(`${error.explain()}\n`);
    else output.err(`${program.name}: this should not happen; please report it\n${stackOf(error)}\n`);
    return toExitCode(error);
  }
}

async function dispatch(program: Program, argv: readonly string[], output: ProgramOutput): Promise<ExitCode> {
  const [first, ...rest] = argv;
  if (first === undefined) {
    output.err(programHelp(program));
    return 2;
  }
  if (first === "--help" || first === "-h" || (first === "help" && rest.length === 0)) {
    output.out(programHelp(program));
    return 0;
  }
  if (first === "--version" || first === "-V") {
    output.out(`${program.version()}\n`);
    return 0;
  }
  if (first === "help") return dispatch(program, [...rest, "--help"], output);
  if (!Object.hasOwn(program.commands, first)) {
    const kind = first.startsWith("-") ? "flag before a command" : "command";
    throw wrongUsage(
      program.name,
      `unknown ${kind} ${quoted(first)}${meant(first, Object.keys(program.commands))}`,
    );
  }
  const command = program.commands[first];
  const name = `${program.name} ${first}`;
  if (rest.includes("--help") || rest.includes("-h")) {
    output.out(commandHelp(name, command));
    return 0;
  }
  return (await command.run(parseCommandLine(name, command, rest, output))) ?? 0;
}

function parseCommandLine(
  name: string,
  command: Command,
  argv: readonly string[],
  output: ProgramOutput,
): CommandInput {
  const options = Object.fromEntries(
    Object.entries(command.flags).map(([flagName, flag]) => [
      flagName,
      {
        type: flag.type === "switch" ? ("boolean" as const) : ("string" as const),
        ...(flag.short === undefined ? {} : { short: flag.short }),
      },
    ]),
  );
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string[]>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind === "option") readFlag(name, command.flags, token, values);
  }
  for (const [flagName, flag] of Object.entries(command.flags)) {
    if (flag.isRequired === true && !values.has(flagName)) throw wrongUsage(name, `--${flagName} is missing`);
    if (flag.default !== undefined && !values.has(flagName)) values.set(flagName, [flag.default]);
  }
  checkWords(name, command.words ?? [], words);
  return { name, flags: flagReader(command.flags, values), words, output };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
}

function readFlag(name: string, flags: Flags, token: OptionToken, values: Map<string, string[]>): void {
  if (!Object.hasOwn(flags, token.name)) {
    throw wrongUsage(
      name,
      `unknown flag ${quoted(token.rawName)}${meant(token.name, Object.keys(flags), "--")}`,
    );
  }
  const flag = flags[token.name];
  const before = values.get(token.name) ?? [];
  if (flag.type === "switch") {
    if (token.value !== undefined) throw wrongUsage(name, `--${token.name} takes no value`);
    values.set(token.name, ["on"]);
    return;
  }
  // `--config --json` is a forgotten value, not a file named --json.
  if (token.value === undefined || (token.value.startsWith("--") && token.value.length > 2)) {
    throw wrongUsage(name, `--${token.name} needs a value: ${expected(flag)}`);
  }
  if (before.length > 0 && flag.isMany !== true) throw wrongUsage(name, `--${token.name} is given twice`);
  if (!isOfType(flag, token.value)) {
    throw wrongUsage(name, `--${token.name} is ${quoted(token.value)}; it must be ${expected(flag)}`);
  }
  values.set(token.name, [...before, token.value]);
}

function isOfType(flag: Flag, value: string): boolean {
  if (flag.type === "number") return value.trim() !== "" && Number.isFinite(Number(value));
  if (flag.type === "duration") return parseDuration(value) !== undefined;
  return true;
}

function expected(flag: Flag): string {
  if (flag.type === "number") return "a number";
  if (flag.type === "duration") return "a duration such as 30s, 250ms, 5m, 2h or 7d";
  return flag.placeholder ?? "text";
}

function checkWords(name: string, expectedWords: readonly string[], words: readonly string[]): void {
  const takesRest = expectedWords.at(-1)?.includes("…") === true;
  if (words.length > expectedWords.length && !takesRest) {
    throw wrongUsage(name, `it does not take ${quoted(words[expectedWords.length])}`);
  }
  const missing = expectedWords[words.length];
  if (missing !== undefined && !missing.startsWith("[")) throw wrongUsage(name, `${missing} is missing`);
}

function flagReader(flags: Flags, values: ReadonlyMap<string, readonly string[]>): FlagReader {
  const read = (name: string, types: readonly Flag["type"][]): readonly string[] => {
    if (!Object.hasOwn(flags, name) || !types.includes(flags[name].type)) {
      throw new Error(`invariant: the command's table has no ${types.join(" or ")} flag --${name}`);
    }
    return values.get(name) ?? [];
  };
  const text = (name: string): string | undefined => read(name, ["text"])[0];
  return {
    isOn: (name) => read(name, ["switch"]).length > 0,
    text,
    texts: (name) => read(name, ["text"]),
    number(name) {
      const value = read(name, ["number"])[0];
      return value === undefined ? undefined : Number(value);
    },
    durationMs(name) {
      const value = read(name, ["duration"])[0];
      return value === undefined ? undefined : parseDuration(value);
    },
    requiredText(name) {
      const value = text(name);
      if (value === undefined) throw new Error(`invariant: --${name} has neither a default nor isRequired`);
      return value;
    },
  };
}

function wrongUsage(command: string, reason: string): MillraceError {
  return new MillraceError("wrong_usage", { command, reason });
}

function meant(typed: string, known: readonly string[], prefix = ""): string {
  const nearest = nearestName(typed.replace(/^-+/, ""), known);
  if (nearest !== undefined) return `; did you mean ${prefix}${nearest}?`;
  return known.length === 0
    ? "; it takes none"
    : `; there are ${known.map((name) => prefix + name).join(", ")}`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

const processOutput: ProgramOutput = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};
