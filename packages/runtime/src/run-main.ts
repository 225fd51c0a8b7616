import { runProgram, type Program } from "./program.ts";

/**
 * A program's main. It shows itself under its own name to `ps` and `pgrep`, where Node would show as `node` or
 * `MainThread`; two agents on one machine differ by their `--config`.
 */
export async function runMain(program: Program): Promise<void> {
  const argv = process.argv.slice(2);
  process.title = [program.name, ...argv].join(" ");
  process.exitCode = await runProgram(program, argv);
}
