import type { Command, Flag } from "./command.ts";
import type { Program } from "./program.ts";

export function programHelp(program: Program): string {
  const commands = Object.entries(program.commands).map(
    ([name, command]) => [name, command.summary] as const,
  );
  return [
    `${program.name}: ${program.summary}`,
    "",
    `Usage: ${program.name} <command> [--flags]`,
    "",
    "Commands:",
    ...aligned(commands),
    "",
    ...aligned([
      ["--help", "what a program or a command takes"],
      ["--version", "the version"],
    ]),
    "",
    "Exit codes: 0 success, 1 failure, 2 wrong use or configuration.",
    "",
  ].join("\n");
}

export function commandHelp(name: string, command: Command): string {
  const words = (command.words ?? []).map((word) => (word.startsWith("[") ? word : `<${word}>`));
  const flags = Object.entries(command.flags).map(
    ([flagName, flag]) => [flagUsage(flagName, flag), flagSummary(flag)] as const,
  );
  return [
    `${name}: ${command.summary}`,
    ...(command.details === undefined ? [] : ["", command.details]),
    "",
    `Usage: ${[name, ...words, ...(flags.length > 0 ? ["[--flags]"] : [])].join(" ")}`,
    ...(flags.length > 0 ? ["", "Flags:", ...aligned(flags)] : []),
    "",
  ].join("\n");
}

function flagUsage(name: string, flag: Flag): string {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  const value = flag.type === "switch" ? "" : ` ${flag.placeholder ?? flag.type.toUpperCase()}`;
  return `${short}--${name}${value}`;
}

function flagSummary(flag: Flag): string {
  const notes = [
    flag.isRequired === true ? "required" : null,
    flag.isMany === true ? "may be repeated" : null,
    flag.default === undefined || flag.default === "" ? null : `default ${flag.default}`,
  ].filter((note) => note !== null);
  return notes.length === 0 ? flag.summary : `${flag.summary} (${notes.join("; ")})`;
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
