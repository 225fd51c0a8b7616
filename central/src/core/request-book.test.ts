// A request is said until it is answered or too old, and whoever asked always hears an outcome.
import { REQUESTS_MAX } from "@millrace/wire";
import type { AgentRequest } from "@millrace/wire";
import { expect, test } from "vitest";
import { ANSWER_MS_MAX, RequestBook } from "./request-book.ts";

function request(id: string): AgentRequest {
  return { id, kind: "reset_alarm", alarm: "a", by: "page" };
}

test("a request is said until its own answer comes from its own agent", async () => {
  const book = new RequestBook();
  const outcome = book.ask("alpha-1", request("one"), 0);
  const other = book.ask("alpha-1", request("two"), 0);
  book.answered("beta-1", [{ id: "one", outcome: "done" }]);
  book.answered("alpha-1", [{ id: "unknown", outcome: "done" }]);
  expect(book.of("alpha-1").map(({ id }) => id)).toEqual(["one", "two"]);
  book.answered("alpha-1", [{ id: "one", outcome: "condition_holds" }]);
  expect(await outcome).toBe("condition_holds");
  expect(book.of("alpha-1").map(({ id }) => id)).toEqual(["two"]);
  book.close();
  expect(await other).toBe("no_answer");
});

test("a request that nobody answers ends, and is said no more", async () => {
  const book = new RequestBook();
  const outcome = book.ask("alpha-1", request("one"), 5);
  book.expire(4 + ANSWER_MS_MAX);
  expect(book.of("alpha-1")).toHaveLength(1);
  book.expire(5 + ANSWER_MS_MAX);
  expect(await outcome).toBe("no_answer");
  expect(book.of("alpha-1")).toEqual([]);
});

test("only so many requests wait for one agent", async () => {
  const book = new RequestBook();
  for (let index = 0; index < REQUESTS_MAX; index += 1) void book.ask("alpha-1", request(`${index}`), 0);
  expect(await book.ask("alpha-1", request("more"), 0)).toBe("too_many");
});
