// A request that comes again is answered again and carried out once.
import type { AgentRequest } from "@millrace/wire";
import { expect, test } from "vitest";
import { RequestDesk } from "./request-desk.ts";

function request(id: string): AgentRequest {
  return { id, kind: "reset_alarm", alarm: "a", by: "page" };
}

test("a request is carried out once, however often and in whatever order echoes come", () => {
  const carriedOut: string[] = [];
  const desk = new RequestDesk(({ id }) => {
    carriedOut.push(id);
    return "done";
  });
  desk.take([request("one")]);
  desk.take([request("one"), request("two")]);
  expect(desk.answers).toEqual([
    { id: "one", outcome: "done" },
    { id: "two", outcome: "done" },
  ]);
  desk.take([]);
  expect(desk.answers).toEqual([]);
  desk.take([request("two")]);
  expect(desk.answers).toEqual([{ id: "two", outcome: "done" }]);
  expect(carriedOut).toEqual(["one", "two"]);
});
