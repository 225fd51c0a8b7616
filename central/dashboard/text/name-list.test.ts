// Many names are cut to the first and a number.
import { expect, test } from "vitest";
import { nameList } from "./name-list.ts";
import { Speaker } from "./speaker.ts";

const english = new Speaker("en", "UTC");
const names = Array.from({ length: 60 }, (_, at) => `orders/${at}`);

test("a few names are all told; of many the first, and how many more there are", () => {
  expect(nameList(["alpha-1"], english)).toBe("alpha-1");
  expect(nameList(names.slice(0, 4), english)).toBe("orders/0, orders/1, orders/2, orders/3");
  expect(nameList(names.slice(0, 5), english)).toBe("orders/0, orders/1, orders/2 and 2 more");
  expect(nameList(names, english)).toBe("orders/0, orders/1, orders/2 and 57 more");
  expect(nameList(names, new Speaker("zh-CN", "UTC"))).toMatch(/^orders\/0.*57/);
});

test("where only the first are known, the others count too", () => {
  expect(nameList(names.slice(0, 2), english, 3)).toBe("orders/0, orders/1 and 1 more");
  expect(nameList(names.slice(0, 16), english, 60)).toBe("orders/0, orders/1, orders/2 and 57 more");
});
