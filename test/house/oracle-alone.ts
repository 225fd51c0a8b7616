import { importedNames } from "./imported-names.ts";
import type { SourceFile } from "./source-file.ts";

const oracle = "test/conformance/oracle/";
/** What is gone once the code has run through the compiler. */
const typesOnly = /^(?:import|export)\s+type\b[^;]*;/gm;

/** Imports of the oracle that bring code of Millrace along. */
export function engineCodeIn(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => path.startsWith(oracle))
    .flatMap(({ path, text }) =>
      importedNames(text.replace(typesOnly, ""))
        .filter((name) => name.startsWith("@millrace/") || (name.startsWith(".") && !name.startsWith("./")))
        .map((name) => `${path} imports ${name}`),
    );
}
