// npm run mutations [-- part of a bug's sentence …]: plants each bug in a copy of this checkout and sees that its test fails.
import path from "node:path";
import { loadMutations } from "./load-mutations.ts";
import { MutatedCopy } from "./mutated-copy.ts";

function main(parts: readonly string[]): number {
  const chosen = loadMutations().filter(
    ({ bug, file }) => parts.length === 0 || parts.some((part) => bug.includes(part) || file.includes(part)),
  );
  if (chosen.length === 0) {
    console.error(`cannot plant a bug: none of test/mutations/mutations.yaml contains ${parts.join(" or ")}`);
    return 2;
  }
  const copy = new MutatedCopy(path.resolve(import.meta.dirname, "../.."));
  let caughtCount = 0;
  try {
    for (const mutation of chosen) {
      const verdict = copy.try(mutation);
      console.log(`${verdict.isCaught ? "caught  " : "ESCAPED "} ${mutation.bug} (${mutation.file})`);
      if (verdict.isCaught) caughtCount += 1;
      else console.log(`${verdict.output}\n${mutation.in} > ${mutation.test}: ${verdict.why}`);
    }
  } finally {
    copy.remove();
  }
  console.log(`${caughtCount} of ${chosen.length} planted bugs caught`);
  return caughtCount === chosen.length ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
