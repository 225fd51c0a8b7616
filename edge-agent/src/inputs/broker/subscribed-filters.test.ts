// Who subscribes to what at the broker: it is known of every topic, and there is an end to what clients may subscribe to.
import { expect, test } from "vitest";
import { SubscribedFilters } from "./subscribed-filters.ts";

test("a topic is subscribed for as long as a filter of any client takes it", () => {
  const filters = new SubscribedFilters();
  const [panel, machine] = [{}, {}];
  const { version } = filters;
  for (const filter of ["a/b", "a/+", "c/#"]) expect(filters.add(panel, filter)).toBe(true);
  filters.add(machine, "a/b");
  expect(filters.version).not.toBe(version);
  const taken = (topics: string[]) => topics.filter((topic) => filters.takes(topic));
  expect(taken(["a/b", "a/x", "c/d/e", "b"])).toEqual(["a/b", "a/x", "c/d/e"]);
  for (const filter of ["a/+", "a/b", "a/b", "never added"]) filters.remove(panel, filter);
  expect(taken(["a/b", "a/x", "c/d"])).toEqual(["a/b", "c/d"]);
  filters.removeClient(panel);
  expect(taken(["a/b", "c/d"])).toEqual(["a/b"]);
  filters.removeClient(machine);
  expect(filters.takes("a/b")).toBe(false);
});

test("a client has 1,000 subscriptions at most, and room for another when one is gone; the same again costs nothing", () => {
  const filters = new SubscribedFilters();
  const [greedy, other] = [{}, {}];
  for (let number = 0; number < 1_000; number += 1) expect(filters.add(greedy, `f/${number}`)).toBe(true);
  expect(filters.add(greedy, "one/more")).toBe(false);
  expect(filters.add(greedy, "f/7")).toBe(true);
  expect(filters.add(other, "one/more")).toBe(true);
  filters.remove(greedy, "f/7");
  expect(filters.add(greedy, "one/more")).toBe(true);
});

test("a filter of over 1,024 characters is not taken", () => {
  const filters = new SubscribedFilters();
  expect(filters.add({}, "x".repeat(1_024))).toBe(true);
  expect(filters.add({}, "x".repeat(1_025))).toBe(false);
});

test("all clients' subscriptions have one bound, by what their levels cost; clients that go make room", () => {
  const filters = new SubscribedFilters();
  const clients: object[] = [];
  let count = 0;
  const fill = (): number => {
    for (let full = false; !full;) {
      const client = {};
      clients.push(client);
      for (let number = 0; number < 1_000 && !full; number += 1) {
        full = !filters.add(client, `${clients.length}-${number}${"/x".repeat(31)}`);
        if (!full) count += 1;
      }
    }
    return count;
  };
  const heldAtFirst = fill();
  // Each has 32 levels of its own, of half a kilobyte.
  expect(heldAtFirst).toBeGreaterThan(1_500);
  expect(heldAtFirst).toBeLessThan(2_048);
  for (const client of clients) filters.removeClient(client);
  count = 0;
  expect(fill()).toBe(heldAtFirst);
});
