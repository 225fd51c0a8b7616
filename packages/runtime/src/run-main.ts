import { MillraceError, reasonOf } from "./error.ts";
import { runProgram, type Program } from "./program.ts";

/**
 * A program's main. It shows itself under its own name to `ps` and `pgrep`, where Node would show as `node` or
 * `MainThread`; two agents on one machine differ by their `--config`.
 */
export async function runMain(program: Program): Promise<void> {
  const argv = process.argv.slice(2);
  process.title = [program.name, ...argv].join(" ");
  let unwritten: MillraceError | undefined;
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // `status | head`: the reader has enough. What is still printed is for nobody; the exit code stays the program's own.
      if (error.code === "EPIPE" || unwritten !== undefined) return;
      const path = stream === process.stdout ? "standard output" : "standard error";
      unwritten = new MillraceError("file_unwritable", { path, reason: reasonOf(error) }, { cause: error });
    });
  const exitCode = await runProgram(program, argv);
  // Errors of a stream are told behind the write.
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (unwritten !== undefined) process.stderr.write(`${unwritten.explain()}\n`);
  process.exitCode = unwritten === undefined ? exitCode : 1;
}
