import { parseArgs } from "node:util";
import { simulate } from "./simulate.ts";

const USAGE = `npm run sim -- [--seeds N] [--seed S]

Runs the whole system in simulated time, one run a seed, and compares it with the truth.
  --seeds N  how many seeds, from a fresh start seed (default 100)
  --seed S   only this one: repeats a run exactly`;

/** The command behind \`npm run sim\`: 0 when every seed converged to the truth, 1 otherwise. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seeds: { type: "string" }, seed: { type: "string" }, help: { type: "boolean" } },
  });
  if (values.help === true) {
    console.log(USAGE);
    return 0;
  }
  const count = values.seed === undefined ? Number(values.seeds ?? 100) : 1;
  const first = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(first)) {
    console.error(`--seeds and --seed take whole numbers\n\n${USAGE}`);
    return 2;
  }
  const startedMs = performance.now();
  let failedCount = 0;
  let simulatedMs = 0;
  for (let seed = first; seed < first + count; seed += 1) {
    const outcome = await simulate(seed);
    simulatedMs += outcome.simulatedMs;
    if (outcome.problems.length > 0) {
      failedCount += 1;
      console.log(
        `seed ${seed}: ${outcome.problems.length} problems\n  ${outcome.problems.slice(0, 10).join("\n  ")}`,
      );
      console.log(`  repeat it: npm run sim -- --seed ${seed}`);
    } else if (count === 1 || process.stdout.isTTY) {
      const { readings, windows, crashes } = outcome;
      console.log(
        `seed ${seed}: equal to the truth (${readings} readings, ${windows} windows, ${crashes} crashes)`,
      );
    }
  }
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(
    `${count - failedCount} of ${count} seeds equal the truth; ${(simulatedMs / 3_600_000).toFixed(1)} simulated hours in ${seconds.toFixed(1)} s`,
  );
  return failedCount === 0 ? 0 : 1;
}

process.exitCode = await main();
