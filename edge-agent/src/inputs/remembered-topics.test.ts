// What is remembered of topics: found out once each, and never more of it than fits, whatever topics a client invents.
import { expect, test } from "vitest";
import { RememberedTopics } from "./remembered-topics.ts";

function counting() {
  const asked: string[] = [];
  const topics = new RememberedTopics((topic) => {
    asked.push(topic);
    return topic.length;
  });
  return { topics, asked };
}

test("a topic is found out once, and anew when all were forgotten", () => {
  const { topics, asked } = counting();
  for (const topic of ["a", "a/b", "a"]) expect(topics.find(topic)).toBe(topic.length);
  expect(asked).toEqual(["a", "a/b"]);
  topics.forget();
  expect(topics.find("a")).toBe(1);
  expect(asked).toEqual(["a", "a/b", "a"]);
});

test("topics of over 256 characters are found out each time, and not remembered", () => {
  const { topics, asked } = counting();
  for (let round = 0; round < 2; round += 1) expect(topics.find("x".repeat(257))).toBe(257);
  topics.find("x".repeat(256));
  expect(asked).toHaveLength(3);
  expect(topics.count).toBe(1);
});

test.each([
  ["50,000 topics", 60_000, 10, 50_000],
  ["four million characters", 20_000, 256, 2 ** 14],
])("no more than %s are remembered", (_name, sentCount, length, mostCount) => {
  const { topics } = counting();
  let count = 0;
  for (let number = 0; number < sentCount; number += 1) {
    topics.find(String(number).padStart(length, "t"));
    count = Math.max(count, topics.count);
  }
  expect(count).toBe(mostCount);
});
