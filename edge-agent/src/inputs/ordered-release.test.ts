// Acknowledgements leave in the order of arrival, together where they wait for the same commit, and none after a failure.
import { expect, test } from "vitest";
import { OrderedRelease } from "./ordered-release.ts";

function acknowledgements() {
  const released: number[][] = [];
  const failures: unknown[] = [];
  const acks = new OrderedRelease<number>({
    release: (items) => released.push([...items]),
    failed: (error) => failures.push(error),
  });
  return { acks, released, failures };
}

test("those of one commit leave together, of a later one after it, whichever settles first", async () => {
  const { acks, released } = acknowledgements();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  for (const [work, item] of [
    [first.promise, 1],
    [first.promise, 2],
    [second.promise, 3],
    [undefined, 4],
  ] as const)
    acks.add(work, item);
  expect(acks.heldCount).toBe(4);
  second.resolve();
  await second.promise;
  expect(released).toEqual([]);
  first.resolve();
  await first.promise;
  await second.promise;
  expect(released).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(acks.heldCount).toBe(0);
});

test("what waits for nothing leaves at once where nothing is before it", () => {
  const { acks, released } = acknowledgements();
  acks.add(undefined, 1);
  expect(released).toEqual([[1]]);
});

test("after a failure nothing leaves, and it is told once", async () => {
  const { acks, released, failures } = acknowledgements();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  acks.add(first.promise, 1);
  acks.add(second.promise, 2);
  first.reject(new Error("disk full"));
  second.reject(new Error("disk full"));
  await Promise.allSettled([first.promise, second.promise]);
  acks.add(undefined, 3);
  expect(released).toEqual([]);
  expect(failures).toHaveLength(1);
  expect(acks.heldCount).toBe(0);
});
