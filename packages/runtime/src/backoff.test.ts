// Backoff: doubles up to its bound, jitters over the whole range, starts again after a success.
import { expect, test } from "vitest";
import { createBackoff } from "./backoff.ts";

test("the ceiling doubles from firstMs to maxMs and reset starts again", () => {
  const backoff = createBackoff({ random: { next: () => 0.5, hex: () => "" }, firstMs: 100, maxMs: 1000 });
  expect(Array.from({ length: 6 }, () => backoff.nextMs())).toEqual([50, 100, 200, 400, 500, 500]);
  expect(backoff.attemptCount).toBe(6);
  backoff.reset();
  expect(backoff.nextMs()).toBe(50);
});

test("stays finite after a year of attempts", () => {
  const backoff = createBackoff({ random: { next: () => 1, hex: () => "" }, firstMs: 100, maxMs: 15_000 });
  for (let attempt = 0; attempt < 5000; attempt += 1) expect(backoff.nextMs()).toBeLessThanOrEqual(15_000);
});
