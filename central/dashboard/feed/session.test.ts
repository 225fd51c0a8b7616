// Logging in and out: what central answers, and what is no answer.
import { expect, test } from "vitest";
import { en } from "../text/en.ts";
import { fetchSession, logIn, LOGIN_PROBLEMS } from "./session.ts";

function answering(status: number, body: unknown): { ask: typeof fetch; asked: unknown[] } {
  const asked: unknown[] = [];
  const ask: typeof fetch = async (url, init) => {
    asked.push([url, init?.method, init?.body]);
    return new Response(JSON.stringify(body), { status });
  };
  return { ask, asked };
}

test("who is logged in; what is no answer is none", async () => {
  const view = { isLoginNeeded: true, user: "alice" };
  expect(await fetchSession(answering(200, view).ask)).toEqual(view);
  expect(await fetchSession(answering(200, { isLoginNeeded: false, user: null }).ask)).toEqual({
    isLoginNeeded: false,
    user: null,
  });
  for (const [status, body] of [
    [404, view],
    [200, []],
    [200, { user: "alice" }],
  ] as const)
    expect(await fetchSession(answering(status, body).ask)).toBeNull();
  expect(await fetchSession(() => Promise.reject(new TypeError("failed")))).toBeNull();
});

test("a login is posted; a problem is told by its code", async () => {
  const { ask, asked } = answering(200, {});
  expect(await logIn({ user: "alice", password: "p" }, ask)).toBeNull();
  expect(asked).toEqual([["/api/v1/session", "POST", '{"user":"alice","password":"p"}']]);
  expect(await logIn({ user: "a", password: "p" }, answering(401, { code: "wrong_login" }).ask)).toBe(
    "wrong_login",
  );
  expect(await logIn({ user: "a", password: "p" }, answering(500, { code: "internal" }).ask)).toBe(
    "unreachable",
  );
  expect(await logIn({ user: "a", password: "p" }, () => Promise.reject(new TypeError("failed")))).toBe(
    "unreachable",
  );
});

test("every problem has a text", () => {
  for (const problem of LOGIN_PROBLEMS) expect(en[`login.${problem}`]).toBeTruthy();
});
