import { codeOnly } from "./code-only.ts";
import { importedNames } from "./imported-names.ts";
import { isCode, isTest, type SourceFile } from "./source-file.ts";

const purePackage = /^packages\/(stream|wire|detect)\/src\//;
/** Where touching the world is the purpose. */
const shell = /^(packages\/runtime|scripts|test|bench|\.ci)\//;
/** Single files at the edge that hand the real clock or timers to the rest, each with its reason. */
export const chanceAllowed: Readonly<Record<string, string>> = {
  "central/dashboard/main.tsx": "the browser's entry: hands clock and randomness to the page",
  "central/dashboard/fixture-server.ts": "serves the page by itself during development",
  "packages/testkit/src/tcp-proxy.ts": "delays bytes between real sockets",
};

const chance =
  /(?<![.\w#])(?:globalThis\.)?(?:Date\.now|performance\.now|Math\.random|process\.hrtime|new Date\(\s*\)|(?:setTimeout|setInterval)(?=\s*[(,;)]))/g;
const globalCrypto = /(?<![.\w#])crypto\.(?:random|subtle|getRandom)/g;

/** Direct uses of the clock, of timers and of randomness where they should be arguments. */
export function sourcesOfChance(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => isCode(file) && !isTest(file) && !shell.test(file.path))
    .flatMap((file) => {
      const code = codeOnly(file.text);
      const found: string[] = [];
      if (chanceAllowed[file.path] === undefined)
        for (const match of code.matchAll(chance)) found.push(match[0]);
      if (purePackage.test(file.path)) {
        for (const match of code.matchAll(globalCrypto)) found.push(match[0]);
        found.push(...importedNames(file.text).filter((name) => name.startsWith("node:")));
      }
      return found.map((use) => `${file.path} uses ${use}`);
    });
}
