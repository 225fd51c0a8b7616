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
    return { outcome: "done" };
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

test("what takes its time is answered once it is done, and is not begun again meanwhile", async () => {
  const { promise, resolve } = Promise.withResolvers<{ outcome: "refused"; detail: string }>();
  let begunCount = 0;
  const desk = new RequestDesk(() => {
    begunCount += 1;
    return promise;
  });
  desk.take([request("one")]);
  desk.take([request("one")]);
  expect(desk.answers).toEqual([]);
  resolve({ outcome: "refused", detail: "x".repeat(10_000) });
  await promise;
  expect(desk.answers).toEqual([{ id: "one", outcome: "refused", detail: "x".repeat(4_096) }]);
  expect(begunCount).toBe(1);
});
