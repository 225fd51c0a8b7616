import type { Logger } from "@millrace/runtime";
import type { FastifyInstance } from "fastify";
import { SESSION_MS } from "../access.ts";
import type { Access } from "../access.ts";
import { noStore } from "../caching.ts";
import { ProblemError } from "../problem.ts";
import type { Rights } from "../rights.ts";
import { sessionCookie, sessionOf } from "../session-cookie.ts";

const PASSWORD_LENGTH_MAX = 1_024;
const LOGIN_RETRY_AFTER_S = 60;

interface SessionRoutesOptions {
  readonly access: Access;
  readonly rights: Rights;
  /** The cookie may leave the browser over TLS alone. */
  readonly isSecure: boolean;
  readonly log: Logger;
}

/** Logging in and out, and who one is. */
export function addSessionRoutes(
  app: FastifyInstance,
  { access, rights, isSecure, log }: SessionRoutesOptions,
): void {
  app.get("/api/v1/session", async (request, reply) => noStore(reply).send(rights.sessionView(request)));
  app.post("/api/v1/session", async (request, reply) => {
    const { user, password } = parseLogin(request.body);
    const outcome = await access.logIn(user, password, request.ip);
    log.info("a login", { user: user.slice(0, 64), address: request.ip, outcome: outcome.kind });
    if (outcome.kind === "too_many") {
      reply.header("retry-after", LOGIN_RETRY_AFTER_S);
      throw new ProblemError("too_many_logins", "wait a minute and try again");
    }
    if (outcome.kind !== "in")
      throw new ProblemError("wrong_login", "no such user with this password is in http.users");
    const cookie = sessionCookie(outcome.session, { maxAgeS: SESSION_MS / 1_000, isSecure });
    const { name, role } = outcome.caller;
    return noStore(reply)
      .header("set-cookie", cookie)
      .send({ isLoginNeeded: true, user: name, isControlAllowed: role === "operate" });
  });
  app.delete("/api/v1/session", async (request, reply) => {
    access.logOut(sessionOf(request.headers.cookie));
    const cookie = sessionCookie("", { maxAgeS: 0, isSecure });
    return noStore(reply).header("set-cookie", cookie).send(rights.sessionView(request));
  });
}

function parseLogin(body: unknown): { readonly user: string; readonly password: string } {
  if (typeof body === "object" && body !== null && "user" in body && "password" in body) {
    const { user, password } = body;
    if (typeof user === "string" && typeof password === "string" && password.length <= PASSWORD_LENGTH_MAX)
      return { user, password };
  }
  throw new ProblemError("bad_request", 'expected { "user": "…", "password": "…" }');
}
