// What the queue remembers of a batch comes back as it was; numbers that no batch can have are damage.
import { expect, test } from "vitest";
import { decodeSummary, encodeSummary } from "./batch-summary.ts";

const summary = { kind: "evidence", bytes: 7, readings: 0, startMs: -5, endMs: 9 } as const;

test("it comes back", () => {
  expect(decodeSummary(encodeSummary(summary))).toEqual(summary);
});

test.each([5, 13, 21])("a damaged number at byte %i is no summary", (at) => {
  const bytes = encodeSummary(summary);
  bytes[at] = 0x7f;
  expect(decodeSummary(bytes)).toBeUndefined();
});
