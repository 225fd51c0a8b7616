// The main program of each single binary: unpacks the real one and runs it. Node would keep the source mapped and copied,
// some four megabytes each; packed it is a fifth of that in the file.
"use strict";
const { getRawAsset } = require("node:sea");
const { Script } = require("node:vm");
const { zstdDecompressSync } = require("node:zlib");

/** All of it comes in one piece, not in many that are put together. Memory that is not written to costs nothing. */
const chunkSize = 6 * 1024 * 1024;
const unpacked = (name) => zstdDecompressSync(new Uint8Array(getRawAsset(name)), { chunkSize });
const program = new Script(unpacked("program.cjs.zst").toString("latin1"), {
  filename: process.execPath,
  cachedData: unpacked("program.cache.zst"),
});
program.runInThisContext()(exports, require, module, __filename, __dirname);
