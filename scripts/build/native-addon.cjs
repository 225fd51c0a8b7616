// Stands in for node-gyp-build inside a single binary: LevelDB's addon is an asset of the executable. At its first use
// it is unpacked into the folder that MILLRACE_NATIVE_FOLDER names (the data folder: /tmp may be mounted noexec) and
// loaded from there. The file's name holds its hash, so that two versions never share one.
"use strict";
const { createHash } = require("node:crypto");
const { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { getRawAsset } = require("node:sea");

let addon;

function load() {
  if (addon !== undefined) return addon;
  const bytes = Buffer.from(getRawAsset("classic-level.node"));
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  const folder =
    process.env.MILLRACE_NATIVE_FOLDER ?? join(tmpdir(), `millrace-${process.getuid?.() ?? "user"}`);
  const path = join(folder, `classic-level-${hash}.node`);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const unfinished = `${path}.${process.pid}`;
    try {
      writeFileSync(unfinished, bytes, { mode: 0o700 });
      renameSync(unfinished, path);
    } catch (error) {
      rmSync(unfinished, { force: true }); // what fitted on a full disk
      throw error;
    }
  }
  const module = { exports: {} };
  process.dlopen(module, path);
  addon = module.exports;
  return addon;
}

module.exports = () => new Proxy({}, { get: (_, name) => load()[name] });
