import { runProgram, type Program } from "./program.ts";

/**
 * A program's main. It shows itself under its own name to `ps` and `pgrep`, where Node would show as `node` or
 * `MainThread`; two agents on one machine differ by their `--config`.
 */
export async function runMain(program: Program): Promise<void> {
  const argv = process.argv.slice(2);
  process.title = [program.name, ...argv].join(" ");
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreClosedReader);
  process.exitCode = await runProgram(program, argv);
}

/** `status | head`: the reader has enough. What is still printed is for nobody; the exit code stays the program's own. */
function ignoreClosedReader(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}
