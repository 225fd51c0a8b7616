// The cache of topics by their bytes: never one topic for another, however many there are, and nothing that is no text.
import { expect, test } from "vitest";
import { TopicCache } from "./topic-cache.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

test("each topic is what was made known of it, also of more topics than the cache holds, anywhere in a buffer", () => {
  let madeCount = 0;
  const topics = new TopicCache((topic) => {
    madeCount += 1;
    return { topic };
  });
  const names = Array.from({ length: 70_000 }, (_, index) => `factory/line-${index % 7}/machine-${index}/°C`);
  for (let round = 0; round < 2; round += 1) {
    for (const name of names) {
      const bytes = bytesOf(`..${name}..`);
      expect(topics.find(bytes, 2, bytes.length - 2)?.topic).toBe(name);
    }
  }
  expect(madeCount).toBeGreaterThan(names.length);
  madeCount = 0;
  for (let round = 0; round < 3; round += 1) topics.find(bytesOf("a/b"), 0, 3);
  expect(madeCount).toBe(1);
});

test.each([
  ["nothing", new Uint8Array(0)],
  ["no UTF-8", Uint8Array.of(0x61, 0xff)],
  ["what is too long to be remembered", bytesOf("a".repeat(257))],
])("%s is not found", (_name, bytes) => {
  const topics = new TopicCache((topic) => topic);
  expect(topics.find(bytes, 0, bytes.length)).toBeUndefined();
});
