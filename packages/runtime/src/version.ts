import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** What a program says of itself with --version, in its log's first line and to its peers. */
export interface Version {
  readonly program: string;
  readonly version: string;
  /** Short commit of the checkout that it runs from or, for a binary, was built from; null when not known. */
  readonly commit: string | null;
  readonly wireVersion: number | null;
  readonly storeVersion: number | null;
}

export interface VersionOptions {
  readonly program: string;
  /** Newest wire version that it writes; null for a program without a wire. */
  readonly wireVersion: number | null;
  /** Store format that it writes; null for a program without a store. */
  readonly storeVersion: number | null;
}

/** One version for all programs and packages of a release; a test holds it to package.json. */
export const MILLRACE_VERSION = "0.1.0";

export function readVersion(options: VersionOptions): Version {
  return { ...options, version: MILLRACE_VERSION, commit: checkoutCommit() };
}

/** `millrace-agent 0.1.0 (commit 4aefe2a, wire 1, store 1, node 24.21.0)` */
export function formatVersion(version: Version): string {
  const details = [
    version.commit === null ? null : `commit ${version.commit}`,
    version.wireVersion === null ? null : `wire ${version.wireVersion}`,
    version.storeVersion === null ? null : `store ${version.storeVersion}`,
    `node ${process.versions.node}`,
  ].filter((detail) => detail !== null);
  return `${version.program} ${version.version} (${details.join(", ")})`;
}

/** Set by `npm run build` in the bundles that it makes. */
declare const MILLRACE_BUILD_COMMIT: string | undefined;

function checkoutCommit(): string | null {
  if (typeof MILLRACE_BUILD_COMMIT === "string") return MILLRACE_BUILD_COMMIT || null;
  const root = join(dirname(import.meta.dirname), "..", "..");
  if (!existsSync(join(root, ".git"))) return null;
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 2000,
    }).trim();
  } catch {
    return null;
  }
}
