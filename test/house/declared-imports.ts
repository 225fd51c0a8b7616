import { builtinModules } from "node:module";
import { importedNames } from "./imported-names.ts";
import { isCode, isTest, isTestSupport, type SourceFile } from "./source-file.ts";

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Imports that the nearest package.json does not declare; tests may also use what the root declares. */
export function undeclaredImports(files: readonly SourceFile[]): string[] {
  const declared = new Map<string, Set<string>>();
  for (const { path, text } of files) {
    if (path !== "package.json" && !/^(packages\/)?[^/]+\/package\.json$/.test(path)) continue;
    const manifest: Manifest = JSON.parse(text);
    const { dependencies, devDependencies, optionalDependencies } = manifest;
    declared.set(
      path.replace(/package\.json$/, ""),
      new Set(Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })),
    );
  }
  const ofRoot = declared.get("") ?? new Set();
  return files.filter(isCode).flatMap((file) => {
    const folder = /^(packages\/)?[^/]+\//.exec(file.path)?.[0] ?? "";
    const own = declared.get(folder) ?? ofRoot;
    const isFree = isTest(file) || isTestSupport(file) || !declared.has(folder);
    return importedNames(file.text)
      .filter((name) => !name.startsWith(".") && !name.startsWith("node:") && !builtinModules.includes(name))
      .map((name) =>
        name
          .split("/")
          .slice(0, name.startsWith("@") ? 2 : 1)
          .join("/"),
      )
      .filter((name) => !own.has(name) && !(isFree && (ofRoot.has(name) || name.startsWith("@millrace/"))))
      .map((name) => `${file.path} imports ${name}, which ${folder}package.json does not declare`);
  });
}
