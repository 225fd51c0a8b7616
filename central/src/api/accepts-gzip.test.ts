// Which Accept-Encoding headers ask for gzip: weights, wildcards, and what is none.
import { expect, test } from "vitest";
import { acceptsGzip } from "./accepts-gzip.ts";

test.each([
  [undefined, false],
  ["", false],
  ["gzip", true],
  ["br, GZip;Q=0.5 , deflate", true],
  ["gzip, deflate, br, zstd", true],
  ["x-gzip", true],
  ["*", true],
  ["br, *;q=0.1", true],
  ["identity", false],
  ["br", false],
  ["gzip;q=0", false],
  ["gzip;q=0.000, *", false],
  ["*;q=0", false],
  ["gzip;q=0.5, identity;q=0.5", true],
  ["gzip;q=0.5, identity", false],
  ["gzip;q=soon", false],
  ["gzipped", false],
])("Accept-Encoding %s: %s", (header, expected) => {
  expect(acceptsGzip(header)).toBe(expected);
});
