// Answers in gzip: whole, off the main thread, few at once, and no more that wait than there is room for.
import { gunzipSync } from "node:zlib";
import { turnsDuring } from "@millrace/testkit";
import { expect, test } from "vitest";
import { GzipPacker, PACKING_MAX, WAITING_MAX } from "./gzip-packer.ts";

test("what is unpacked is what was packed, piece after piece", async () => {
  const packer = new GzipPacker();
  const packed = await packer.pack(["北京", Buffer.from(" "), "x".repeat(100_000)]);
  expect(gunzipSync(packed ?? "").toString()).toBe(`北京 ${"x".repeat(100_000)}`);
});

test("a great answer lets others have their turns", async () => {
  const numbers = Array.from({ length: 100_000 }, (_, index) => Math.sin(index));
  const text = JSON.stringify(numbers);
  const turns = await turnsDuring(async () => {
    expect((await new GzipPacker().pack([text]))?.length).toBeLessThan(text.length);
  });
  expect(turns).toBeGreaterThan(20);
});

test("more than may wait are not taken; once those that wait are packed there is room again", async () => {
  const packer = new GzipPacker();
  const room = PACKING_MAX + WAITING_MAX;
  const packed = Array.from({ length: room }, (_, index) => packer.pack([`answer ${index}`]) ?? "none");
  expect(packer.pack(["one more"])).toBeNull();
  const texts = await Promise.all(packed.map(async (each) => gunzipSync(await each).toString()));
  expect(texts).toEqual(Array.from({ length: room }, (_, index) => `answer ${index}`));
  expect(packer.pack(["again"])).not.toBeNull();
});

test("what may not wait goes as it is while others are being packed", async () => {
  const packer = new GzipPacker();
  const packed = Array.from({ length: PACKING_MAX }, () => packer.pack(["answer"]));
  expect(packer.pack(["metrics"], { mayWait: false })).toBeNull();
  for (const each of packed) await each;
  expect(packer.pack(["metrics"], { mayWait: false })).not.toBeNull();
});

test("what never changes is packed once", async () => {
  const packer = new GzipPacker();
  const file = Buffer.from("<!doctype html>");
  expect(packer.packOnce(file)).toBe(packer.packOnce(file));
  expect(gunzipSync((await packer.packOnce(file)) ?? "").toString()).toBe("<!doctype html>");
});
