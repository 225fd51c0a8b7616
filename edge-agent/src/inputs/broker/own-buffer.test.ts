// Memory is given back only when all of it has come over one connection and nobody looks at any part of it.
import { expect, test } from "vitest";
import { OwnBuffer } from "./own-buffer.ts";

const KIB = 1024;
const bufferOf = (bytes: number) => new Uint8Array(new ArrayBuffer(bytes));

test("is done with the last part of it, once", () => {
  const bytes = bufferOf(64 * KIB);
  const own = new OwnBuffer();
  own.add(bytes.subarray(0, 16 * KIB));
  expect(own.takeDone()).toBeUndefined();
  own.add(bytes.subarray(16 * KIB));
  expect(own.takeDone()).toBe(bytes.buffer);
  expect(own.takeDone()).toBeUndefined();
  own.add(bytes);
  expect(own.takeDone()).toBe(bytes.buffer);
});

test("is not, when a part in between was somebody else's", () => {
  const [pool, other] = [bufferOf(64 * KIB), bufferOf(64 * KIB)];
  const own = new OwnBuffer();
  own.add(pool.subarray(0, 16 * KIB));
  own.add(pool.subarray(32 * KIB));
  expect(own.takeDone()).toBeUndefined();
  own.add(pool.subarray(16 * KIB));
  expect(own.takeDone()).toBeUndefined();
  own.add(pool.subarray(0, 32 * KIB));
  own.add(other.subarray(32 * KIB));
  expect(own.takeDone()).toBeUndefined();
});

test("is not, while somebody looks at any part of it; the next one is", () => {
  const [kept, next] = [bufferOf(64 * KIB), bufferOf(64 * KIB)];
  const own = new OwnBuffer();
  own.add(kept.subarray(0, 16 * KIB));
  own.keep();
  own.add(kept.subarray(16 * KIB));
  expect(own.takeDone()).toBeUndefined();
  own.add(next);
  expect(own.takeDone()).toBe(next.buffer);
});

test("a small one is left to the collector", () => {
  const own = new OwnBuffer();
  own.add(bufferOf(KIB));
  expect(own.takeDone()).toBeUndefined();
});
