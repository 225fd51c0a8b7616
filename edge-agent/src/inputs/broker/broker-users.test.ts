// Who may do what at the embedded broker.
import { expect, test } from "vitest";
import { BrokerUsers } from "./broker-users.ts";

const user = (name: string, filters: readonly string[]) => ({
  user: name,
  password: "secret",
  publish: filters,
  subscribe: filters,
});

test("what one user may publish to says nothing of another, whatever their names and the topics", () => {
  const [line, other] = [user("line 1", ["a"]), user("line", ["1 a"])];
  const users = new BrokerUsers([line, other]);
  expect(users.mayPublish(line, "a")).toBe(true);
  expect(users.mayPublish(other, "1 a")).toBe(true);
  expect(users.mayPublish(other, "a")).toBe(false);
  expect(users.mayPublish(line, "1 a")).toBe(false);
});

test("a user receives topics that it may subscribe to", () => {
  const line = user("line", ["f/1/#"]);
  const users = new BrokerUsers([line]);
  expect(["f/1", "f/1/a/b", "f/2/a"].map((topic) => users.mayReceive(line, topic))).toEqual([
    true,
    true,
    false,
  ]);
});
