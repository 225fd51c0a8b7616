import { codeOnly } from "./code-only.ts";
import { isCode, isTest, isTestSupport, type SourceFile } from "./source-file.ts";

/** Files where what is spread is bounded by what it is, each with the bound. */
export const spreadAllowed: Readonly<Record<string, string>> = {
  "packages/config/src/load-pipeline.ts": "the accumulators of a session: a list in the code",
  "packages/queue/src/level-manifest.ts": "bytes of a number, or of one key",
  "simulator/src/format/protobuf-writer.ts": "the eight bytes of a double",
};

/** A list grows by all of another one's items in one call. */
const spreadIntoList = /\.(?:push|unshift)\(\s*(?:[\w.#]+,\s*)*\.\.\.|\.splice\([^()]*,[^()]*,\s*\.\.\./g;

/** Calls that take a whole list as arguments: V8 allows about 125,000, and what grows with data has more some day. */
export function spreadArguments(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => isCode(file) && !isTest(file) && !isTestSupport(file))
    .filter(({ path }) => !/^(scripts|test|bench)\//.test(path) && spreadAllowed[path] === undefined)
    .flatMap(({ path, text }) =>
      Array.from(codeOnly(text).matchAll(spreadIntoList), ([call]) => `${path}: ${call}`),
    );
}
