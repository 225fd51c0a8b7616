import path from "node:path";
import { importedNames } from "./imported-names.ts";
import { isCode, isTest, isTestSupport, type SourceFile } from "./source-file.ts";

const apps = ["edge-agent", "central", "simulator"];
/** Which package may build on which; an app may use every one but the testkit. */
const packageLayers: Readonly<Record<string, readonly string[]>> = {
  stream: [],
  wire: ["stream"],
  detect: ["stream"],
  runtime: [],
  queue: ["runtime", "wire", "stream"],
  kafka: ["runtime"],
  config: ["runtime", "stream", "wire", "detect"],
  testkit: ["runtime", "stream", "wire", "queue"],
};

/** Public beside a package's list, which a browser could not load. */
const publicParts = ["@millrace/runtime/plain-text"];

/** Imports against the direction of the house: between apps, up the layers of packages, around a public list. */
export function importsAgainstDirection(files: readonly SourceFile[]): string[] {
  return files.filter(isCode).flatMap((file) => {
    const from = roomOf(file.path);
    if (from === undefined) return []; // test, bench and scripts stand outside and may look anywhere
    return importedNames(file.text).flatMap((name) => {
      const fault = faultOf(file, from, name);
      return fault === undefined ? [] : [`${file.path} imports ${name}: ${fault}`];
    });
  });
}

function faultOf(file: SourceFile, from: string, name: string): string | undefined {
  if (name.startsWith(".")) {
    const target = path.posix.join(path.posix.dirname(file.path), name);
    return roomOf(target) === from ? undefined : "a relative path must stay inside its own folder";
  }
  const match = /^@millrace\/([^/]+)(\/.+)?$/.exec(name);
  if (match === null) return undefined;
  const [, target = "", inside] = match;
  if (inside !== undefined && !publicParts.includes(name))
    return "only a package's public list may be imported";
  if (target === from) return "a package does not import itself by name";
  if (apps.includes(target)) return "an app is not imported";
  if (isTest(file) || isTestSupport(file)) return undefined;
  if (target === "testkit") return "the testkit is for tests";
  if (apps.includes(from)) return undefined;
  return packageLayers[from]?.includes(target) ? undefined : `${from} may not build on ${target}`;
}

/** The app or package that a path belongs to. */
function roomOf(file: string): string | undefined {
  const [first = "", second] = file.split("/");
  if (first === "packages") return second;
  return apps.includes(first) ? first : undefined;
}
