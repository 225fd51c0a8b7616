// What the page asks of central, and that every answer, also none, has a word on the page.
import { expect, test } from "vitest";
import { en } from "../text/en.ts";
import { RESET_PROBLEMS, resetAlarm } from "./reset-alarm.ts";

const ALARM = { agent: "alpha-1", id: "hot|m1" };

function answering(status: number, body: unknown): { post: typeof fetch; asked: unknown[] } {
  const asked: unknown[] = [];
  const post: typeof fetch = async (url, init) => {
    asked.push([url, init?.method, init?.body]);
    return new Response(JSON.stringify(body), { status });
  };
  return { post, asked };
}

test("it asks for one alarm of one agent", async () => {
  const { post, asked } = answering(200, ALARM);
  expect(await resetAlarm(ALARM, post)).toBeNull();
  expect(asked).toEqual([["/api/v1/alarms/reset", "POST", '{"agent":"alpha-1","id":"hot|m1"}']]);
});

test("a problem is told by its code; what is no problem of ours, and no answer at all, as unreachable", async () => {
  expect(await resetAlarm(ALARM, answering(409, { code: "condition_holds" }).post)).toBe("condition_holds");
  expect(await resetAlarm(ALARM, answering(500, { code: "internal" }).post)).toBe("unreachable");
  expect(await resetAlarm(ALARM, () => Promise.reject(new TypeError("failed")))).toBe("unreachable");
});

test("every problem has a text", () => {
  for (const problem of RESET_PROBLEMS) expect(en[`reset.${problem}`]).toBeTruthy();
});
