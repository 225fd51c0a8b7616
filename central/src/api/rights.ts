import { isOwnOrigin } from "@millrace/runtime";
import type { FastifyRequest } from "fastify";
import type { Access, Caller } from "./access.ts";
import { operationOf } from "./operation-of.ts";
import type { Operation } from "./operations.ts";
import { ProblemError } from "./problem.ts";
import { sessionOf } from "./session-cookie.ts";

const CONTROL_OFF =
  "http.allowControl in central.yaml is false: only the commands of `millrace-central` on its machine may change something, by api.token in its data folder; `millrace-agent reset` works on the gateway";
const LOGIN_NEEDED =
  "send `Authorization: Bearer <token>` (http.tokens in central.yaml), or log in at the page (http.users)";

/** What a page may show of who looks at it. */
interface SessionView {
  readonly isLoginNeeded: boolean;
  readonly user: string | null;
  readonly isControlAllowed: boolean;
}

/** Who asks, and what they may. */
export class Rights {
  readonly #access: Access;
  readonly #isControlAllowed: boolean;

  /** `isControlAllowed`: anybody may change something where no login is needed; the commands on this machine may. */
  constructor(access: Access, isControlAllowed: boolean) {
    this.#access = access;
    this.#isControlAllowed = isControlAllowed;
  }

  callerOf({ headers }: FastifyRequest): Caller | null {
    return this.#access.callerOf(headers.authorization, sessionOf(headers.cookie));
  }

  /** Whether whoever asks may still read. */
  mayRead(request: FastifyRequest): boolean {
    return !this.#access.isLoginNeeded || this.callerOf(request) !== null;
  }

  sessionView(request: FastifyRequest): SessionView {
    const caller = this.callerOf(request);
    const { isLoginNeeded } = this.#access;
    return {
      isLoginNeeded,
      user: caller?.name ?? null,
      isControlAllowed: caller?.role === "operate" || (!isLoginNeeded && this.#isControlAllowed),
    };
  }

  /** Throws where whoever asks may not. What the request asks for; undefined: it is not in the table. */
  require(request: FastifyRequest): Operation | undefined {
    const { headers, method } = request;
    const operation = operationOf(request);
    // A route that is not in the table changes something, until it says otherwise.
    const { right } = operation ?? { right: "operate" };
    // A page of another origin must not change anything here through its visitor's browser.
    if (!isReading(method) && !isOwnOrigin(headers.origin, headers.host))
      throw new ProblemError("foreign_origin", `origin ${headers.origin} may only read`);
    if (right === "anyone") return operation;
    const caller = this.callerOf(request);
    if (this.#access.isLoginNeeded) {
      if (caller === null) throw new ProblemError("login_needed", LOGIN_NEEDED);
      if (right === "operate" && caller.role !== "operate")
        throw new ProblemError("not_allowed", `${caller.name} has the role read; this needs operate`);
    } else if (right === "operate" && !this.#isControlAllowed && caller?.role !== "operate") {
      throw new ProblemError("control_off", CONTROL_OFF);
    }
    return operation;
  }
}

function isReading(method: string): boolean {
  return method === "GET" || method === "HEAD";
}
