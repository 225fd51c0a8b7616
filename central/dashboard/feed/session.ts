import { isObject } from "./is-object.ts";

/** Who looks at the page, as central says. */
export interface SessionView {
  readonly isLoginNeeded: boolean;
  /** Null: nobody is logged in. */
  readonly user: string | null;
}

export const LOGIN_PROBLEMS = ["wrong_login", "too_many_logins", "unreachable"] as const;
export type LoginProblem = (typeof LOGIN_PROBLEMS)[number];

/** Null where central gives no answer: the stream says more then. */
export async function fetchSession(get: typeof fetch = fetch): Promise<SessionView | null> {
  try {
    const response = await get("/api/v1/session");
    const view: unknown = response.ok ? await response.json() : null;
    if (!isObject(view) || typeof view["isLoginNeeded"] !== "boolean") return null;
    return {
      isLoginNeeded: view["isLoginNeeded"],
      user: typeof view["user"] === "string" ? view["user"] : null,
    };
  } catch {
    return null;
  }
}

/** Null once logged in. */
export async function logIn(
  login: { readonly user: string; readonly password: string },
  post: typeof fetch = fetch,
): Promise<LoginProblem | null> {
  try {
    const response = await post("/api/v1/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(login),
    });
    if (response.ok) return null;
    const problem: unknown = await response.json();
    const code = isObject(problem) ? problem["code"] : null;
    return LOGIN_PROBLEMS.find((known) => known === code) ?? "unreachable";
  } catch {
    return "unreachable";
  }
}

export async function logOut(remove: typeof fetch = fetch): Promise<void> {
  await remove("/api/v1/session", { method: "DELETE" }).catch(() => {});
}
