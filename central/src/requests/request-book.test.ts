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
  expect(await outcome).toEqual({ outcome: "condition_holds" });
  expect(book.of("alpha-1").map(({ id }) => id)).toEqual(["two"]);
  book.close();
  expect(await other).toEqual({ outcome: "no_answer" });
});

test("a request that nobody answers ends, and is said no more", async () => {
  const book = new RequestBook();
  const outcome = book.ask("alpha-1", request("one"), 5);
  book.expire(4 + ANSWER_MS_MAX);
  expect(book.of("alpha-1")).toHaveLength(1);
  book.expire(5 + ANSWER_MS_MAX);
  expect(await outcome).toEqual({ outcome: "no_answer" });
  expect(book.of("alpha-1")).toEqual([]);
});

test("only so many requests wait for one agent", async () => {
  const book = new RequestBook();
  for (let index = 0; index < REQUESTS_MAX; index += 1) void book.ask("alpha-1", request(`${index}`), 0);
  expect(await book.ask("alpha-1", request("more"), 0)).toEqual({ outcome: "too_many" });
});

test("one pipeline at a time waits for an agent, and its answer says why it was refused", async () => {
  const book = new RequestBook();
  const pipeline = { version: "0123456789ab", pushedAtMs: 0, body: "" };
  const push = (id: string) => ({ ...request(id), kind: "set_pipeline", pipeline });
  const first = book.ask("alpha-1", push("one"), 0);
  expect(await book.ask("alpha-1", push("two"), 0)).toEqual({ outcome: "too_many" });
  void book.ask("alpha-1", request("three"), 0);
  book.answered("alpha-1", [{ id: "one", outcome: "refused", detail: "p.yaml:1:1" }]);
  expect(await first).toEqual({ outcome: "refused", detail: "p.yaml:1:1" });
});
