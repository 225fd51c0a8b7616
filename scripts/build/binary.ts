import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { constants, zstdCompressSync } from "node:zlib";
import { build, type BuildOptions, type Plugin } from "esbuild";
import { inject } from "postject";
import { buildDashboard } from "../../central/src/dashboard-build.ts";
import type { ProgramSource } from "./programs.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const DIST = join(ROOT, "dist");
const UNPACKER = join(import.meta.dirname, "unpack-program.cjs");
const LAZY_VALIDATORS = join(import.meta.dirname, "lazy-validators.cjs");
const PACKING = { params: { [constants.ZSTD_c_compressionLevel]: 19 } };
/** Where Node looks for the blob; its own constant. */
const SENTINEL_FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/**
 * One executable: the program bundled to CommonJS and packed, LevelDB's addon and the dashboard as assets, inside this very
 * Node (Node's single executable applications).
 */
export async function buildBinary(
  program: ProgramSource,
): Promise<{ readonly path: string; readonly bytes: number }> {
  const work = join(DIST, ".work", program.name);
  mkdirSync(work, { recursive: true });
  const { source, librariesFound } = await bundle(program);
  const apart = join(work, "apart.json");
  writeFileSync(apart, JSON.stringify(librariesFound));
  const packed: Record<string, string> = { "apart.json": apart, ...pack("program", source, program, work) };
  for (const [index, library] of librariesFound.entries())
    Object.assign(packed, pack(`apart-${index}`, await bundleApart(library), program, work));
  const blob = join(work, "program.blob");
  const config = join(work, "sea.json");
  const assets = { ...packed, ...(await collectAssets(program)) };
  writeFileSync(
    config,
    JSON.stringify({
      main: UNPACKER,
      output: blob,
      assets,
      disableExperimentalSEAWarning: true,
      execArgv: program.flags,
    }),
  );
  execFileSync(process.execPath, ["--experimental-sea-config", config], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const path = join(DIST, process.platform === "win32" ? `${program.name}.exe` : program.name);
  rmSync(path, { force: true });
  copyFileSync(process.execPath, path);
  chmodSync(path, 0o755);
  stripSymbols(path);
  await injectQuietly(path, readFileSync(blob));
  rmSync(work, { recursive: true });
  return { path, bytes: statSync(path).size };
}

/**
 * Takes out what only a debugger reads: an eighth of Node. Before anything is put in, for `strip` would not keep that.
 * Where there is no `strip` (binutils) the binary is just larger.
 */
function stripSymbols(path: string): void {
  if (process.platform !== "linux") return;
  try {
    execFileSync("strip", [path], { stdio: "ignore" });
  } catch {
    console.error("no `strip` here (binutils): the binary keeps Node's symbols");
  }
}

/** Libraries that most configurations do without: apart, they take no memory before they are asked for. */
const APART = ["@platformatic/kafka", "fastify"];

const BUNDLED = {
  write: false,
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node24",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  logLevel: "error",
} as const satisfies BuildOptions;

/** `librariesFound`: of `APART`, those that it asks for. */
async function bundle(
  program: ProgramSource,
): Promise<{ readonly source: string; readonly librariesFound: readonly string[] }> {
  const found = new Set<string>();
  const apart: Plugin = {
    name: "apart",
    setup({ onResolve }) {
      onResolve({ filter: /^[^.]/ }, ({ path }) => {
        if (!APART.includes(path)) return undefined;
        found.add(path);
        return { path, external: true };
      });
    },
  };
  const { outputFiles } = await build({
    ...BUNDLED,
    entryPoints: [join(ROOT, program.entry)],
    // The bundler itself stays out: only a checkout builds the dashboard.
    external: ["esbuild"],
    // A script that is run by `node:vm` can only require.
    supported: { "dynamic-import": false },
    define: { MILLRACE_BUILD_COMMIT: JSON.stringify(commit()) },
    plugins: [apart, nativeAddon, englishOnly],
  });
  return { source: asFunction(outputFiles[0].text), librariesFound: [...found].toSorted() };
}

async function bundleApart(library: string): Promise<string> {
  const { outputFiles } = await build({
    ...BUNDLED,
    entryPoints: [library],
    absWorkingDir: join(ROOT, "edge-agent"),
    plugins: [kafkaClient, noSchemas],
  });
  return asFunction(outputFiles[0].text);
}

function asFunction(text: string): string {
  return `(function (exports, require, module, __filename, __dirname) {${text}\n})`;
}

/** A source and its code cache, as assets by their names. */
function pack(name: string, source: string, program: ProgramSource, work: string): Record<string, string> {
  assertAscii(name, source);
  const assets: Record<string, string> = {};
  for (const [kind, content] of [
    ["cjs", source],
    ["cache", codeCache(source, program.flags)],
  ] as const) {
    const asset = `${name}.${kind}.zst`;
    assets[asset] = join(work, asset);
    writeFileSync(assets[asset], zstdCompressSync(content, PACKING));
  }
  return assets;
}

/**
 * What V8 makes of the source, which saves a start from reading all of it. Under the flags that it will run with: code that
 * was compiled under others is thrown away.
 */
function codeCache(source: string, flags: readonly string[]): Buffer {
  const compile = `const { Script } = require("node:vm"); const source = require("node:fs").readFileSync(0, "latin1");
    process.stdout.write(new Script(source).createCachedData());`;
  return execFileSync(process.execPath, [...flags, "-e", compile], { input: source, maxBuffer: 1e8 });
}

/**
 * A single letter beyond Latin-1 makes V8 hold the whole source as two bytes a letter: four megabytes more in each process.
 * esbuild escapes such letters, but not in regular expressions: there they are written as \u.
 */
function assertAscii(name: string, source: string): void {
  const at = source.search(/[^\0-\x7f]/);
  if (at < 0) return;
  const around = source.slice(Math.max(0, at - 60), at + 20);
  throw new Error(`cannot build ${name}: a letter beyond ASCII: …${around}…; write it as \\u in its source`);
}

const nativeAddon: Plugin = {
  name: "native-addon",
  setup({ onResolve }) {
    onResolve({ filter: /^node-gyp-build$/ }, () => ({
      path: join(import.meta.dirname, "native-addon.cjs"),
    }));
  },
};

/** Of the Kafka client: its WebAssembly inline instead of in a file beside it, no schema registry with its Avro, validators as they are asked. */
const kafkaClient: Plugin = {
  name: "kafka-client",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^@platformatic\/wasm-utils$/ }, ({ resolveDir }) => ({
      path: createRequire(join(resolveDir, "main.js")).resolve("@platformatic/wasm-utils/bundled"),
    }));
    onLoad({ filter: /confluent-schema-registry\.js$/ }, () => ({ contents: "export {};" }));
    onLoad({ filter: /ajv\/dist\/2020\.js$/ }, ({ path }) => ({
      contents: [path, LAZY_VALIDATORS].map((each) => readFileSync(each, "utf8")).join("\n"),
    }));
  },
};

const noSchemas: Plugin = {
  name: "no-schemas",
  setup({ onResolve }) {
    onResolve({ filter: /^@fastify\/(ajv-compiler|fast-json-stringify-compiler)$/ }, () => ({
      path: join(import.meta.dirname, "no-schemas.cjs"),
    }));
  },
};

/** Of zod: its messages in fifty languages are half of it, and nobody asks for them. */
const englishOnly: Plugin = {
  name: "english-only",
  setup({ onLoad }) {
    onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
    }));
  },
};

async function collectAssets(program: ProgramSource): Promise<Record<string, string>> {
  const assets: Record<string, string> = {};
  if (program.hasStore) {
    const prebuilt = join(
      ROOT,
      "node_modules/classic-level/prebuilds",
      `${process.platform}-${process.arch}`,
    );
    assets["classic-level.node"] = join(prebuilt, "classic-level.node");
  }
  if (program.hasDashboard) {
    const { files } = await buildDashboard();
    for (const file of files) assets[`dashboard/${file.slice(file.lastIndexOf("/") + 1)}`] = file;
  }
  return assets;
}

/** postject warns of a note section that it does not need. */
async function injectQuietly(path: string, blob: Buffer): Promise<void> {
  const { error, warn, log } = console;
  Object.assign(console, { error: () => {}, warn: () => {}, log: () => {} });
  try {
    await inject(path, "NODE_SEA_BLOB", blob, { sentinelFuse: SENTINEL_FUSE });
  } finally {
    Object.assign(console, { error, warn, log });
  }
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT, encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}
