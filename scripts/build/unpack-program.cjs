// The main program of each single binary: unpacks the real one and runs it. Node would keep the source mapped and copied,
// some four megabytes each; packed it is a fifth of that in the file.
"use strict";
const { getAsset, getRawAsset } = require("node:sea");
const { Script } = require("node:vm");
const { zstdDecompressSync } = require("node:zlib");

/** All of it comes in one piece, not in many that are put together. Memory that is not written to costs nothing. */
const chunkSize = 6 * 1024 * 1024;
const unpacked = (name) => zstdDecompressSync(new Uint8Array(getRawAsset(name)), { chunkSize });

function run(name, required, ofModule) {
  const script = new Script(unpacked(`${name}.cjs.zst`).toString("latin1"), {
    filename: process.execPath,
    cachedData: unpacked(`${name}.cache.zst`),
  });
  script.runInThisContext()(ofModule.exports, required, ofModule, __filename, __dirname);
  return ofModule.exports;
}

/** Libraries that not every configuration needs are unpacked when they are asked for. */
const apart = JSON.parse(getAsset("apart.json", "utf8"));
const found = new Map();
function requireApart(id) {
  const index = apart.indexOf(id);
  if (index < 0) return require(id);
  if (!found.has(id)) found.set(id, run(`apart-${index}`, require, { exports: {} }));
  return found.get(id);
}

run("program", Object.assign(requireApart, require), module);
