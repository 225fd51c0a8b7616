import { buildBinary } from "./build/binary.ts";
import { PROGRAMS } from "./build/programs.ts";

const USAGE = `npm run build [-- PROGRAM…]

Builds the single binaries for this platform into dist/: ${PROGRAMS.map(({ name }) => name).join(", ")}.`;

/** The command behind \`npm run build\`. */
async function main(names: readonly string[]): Promise<number> {
  if (names.includes("--help")) {
    console.log(USAGE);
    return 0;
  }
  const unknown = names.find((name) => !PROGRAMS.some((program) => program.name === name));
  if (unknown !== undefined) {
    console.error(`unknown program ${unknown}\n\n${USAGE}`);
    return 2;
  }
  for (const program of PROGRAMS) {
    if (names.length > 0 && !names.includes(program.name)) continue;
    const startedMs = performance.now();
    const { path, bytes } = await buildBinary(program);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(`${path}  ${(bytes / 1_048_576).toFixed(0)} MB  ${seconds} s`);
  }
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
