// Clients take no file descriptor that the agent itself needs.
import { expect, test } from "vitest";
import { DescriptorBudget } from "./descriptor-budget.ts";

test("clients get what the agent does not need itself, each input its share, and at least one", () => {
  const cases = [
    [1_024, [500, 100], [500, 100]],
    [664, [500, 100], [500, 100]],
    [364, [500, 100], [250, 50]],
    [64, [500, 100], [1, 1]],
    [10, [500, 0], [1, 0]],
    [10, [0, 0], [0, 0]],
    [Number.POSITIVE_INFINITY, [10_000, 10_000], [10_000, 10_000]],
  ] as const;
  for (const [openFilesMax, clientsMax, expected] of cases)
    expect(new DescriptorBudget(openFilesMax).share(clientsMax), `${openFilesMax}`).toEqual(expected);
});

test("this process has some, or nothing tells", () => {
  expect(DescriptorBudget.ofProcess().openFilesMax).toBeGreaterThan(64);
});
