import { isDeepStrictEqual } from "node:util";
import { isPasswordOf, secretDigest } from "@millrace/runtime";
import type { Clock, Random } from "@millrace/runtime";
import type { ApiToken, ApiUser, Role } from "@millrace/config";

/** Who asks. */
export interface Caller {
  readonly name: string;
  readonly role: Role;
}

export const SESSION_MS = 12 * 3_600_000;
/** Beyond it the oldest ends. */
const SESSIONS_MAX = 1_000;
/** Wrong logins of one address within the interval; further ones are not looked at. */
export const LOGIN_FAILURES_MAX = 10;
const LOGIN_INTERVAL_MS = 60_000;
/** Passwords that are being tried at once: each takes 32 MiB. */
const LOGINS_MAX = 4;
const ADDRESSES_MAX = 10_000;

/** Of nobody's password: unknown users take as long as known ones. */
const NO_HASH = `scrypt:32768:8:1:${"A".repeat(22)}:${"A".repeat(43)}`;

export type LoginOutcome =
  | { readonly kind: "in"; readonly session: string; readonly caller: Caller }
  | { readonly kind: "wrong" | "too_many" };

/** Who is known. */
export interface Holders {
  readonly users: readonly ApiUser[];
  readonly tokens: readonly ApiToken[];
}

/** Who may ask: tokens of programs, and sessions of users who have logged in. Secrets are held as hashes only. */
export class Access {
  #users: ReadonlyMap<string, ApiUser> = new Map();
  #tokens: ReadonlyMap<string, Caller> = new Map();
  /** Of the commands on this machine. */
  readonly #ownTokenDigest: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #sessions = new Map<string, Caller & { readonly untilMs: number }>();
  readonly #failures = new Map<string, { count: number; readonly untilMs: number }>();
  #loginCount = 0;

  constructor(
    options: Holders & { readonly ownToken: string; readonly clock: Clock; readonly random: Random },
  ) {
    this.#ownTokenDigest = digest(options.ownToken);
    this.#clock = options.clock;
    this.#random = options.random;
    this.setHolders(options);
  }

  /** From now on these may ask. Sessions of users who are gone, or have another password or role, end. */
  setHolders({ users, tokens }: Holders): void {
    const before = this.#users;
    this.#users = new Map(users.map((user) => [user.user, user]));
    for (const [session, { name }] of this.#sessions)
      if (!isDeepStrictEqual(before.get(name), this.#users.get(name))) this.#sessions.delete(session);
    this.#tokens = new Map(tokens.map(({ name, hash, role }) => [hash, { name, role }]));
  }

  /** Without users and tokens everybody may ask who reaches the address. */
  get isLoginNeeded(): boolean {
    return this.#users.size + this.#tokens.size > 0;
  }

  /** The holder of a token, or of the session in a cookie; null: nobody that is known. */
  callerOf(authorization: string | undefined, session: string | undefined): Caller | null {
    const token = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token !== undefined) return this.#holderOf(digest(token));
    return session === undefined ? null : this.#inSession(session);
  }

  #holderOf(tokenDigest: string): Caller | null {
    if (tokenDigest === this.#ownTokenDigest) return { name: "this machine", role: "operate" };
    return this.#tokens.get(tokenDigest) ?? null;
  }

  /** `address`: where the request comes from; wrong logins are counted by it. */
  async logIn(user: string, password: string, address: string): Promise<LoginOutcome> {
    const nowMs = this.#clock.monotonicMs();
    const failures = this.#failures.get(address);
    if (failures !== undefined && failures.untilMs <= nowMs) this.#failures.delete(address);
    else if (failures !== undefined && failures.count >= LOGIN_FAILURES_MAX) return { kind: "too_many" };
    if (this.#loginCount >= LOGINS_MAX) return { kind: "too_many" };
    this.#loginCount += 1;
    try {
      const known = this.#users.get(user);
      const isRight = await isPasswordOf(password, known?.hash ?? NO_HASH);
      // The entry may be gone, or another, since the password was looked at.
      if (known === undefined || !isRight || !isDeepStrictEqual(known, this.#users.get(user))) {
        this.#noteFailure(address);
        return { kind: "wrong" };
      }
      const caller = { name: known.user, role: known.role };
      return { kind: "in", session: this.#begin(caller), caller };
    } finally {
      this.#loginCount -= 1;
    }
  }

  logOut(session: string | undefined): void {
    if (session !== undefined) this.#sessions.delete(digest(session));
  }

  #begin(caller: Caller): string {
    const nowMs = this.#clock.monotonicMs();
    const session = this.#random.hex(32);
    this.#sessions.set(digest(session), { ...caller, untilMs: nowMs + SESSION_MS });
    // In order of their beginning, and so of their end.
    for (const [key, { untilMs }] of this.#sessions) {
      if (untilMs > nowMs && this.#sessions.size <= SESSIONS_MAX) break;
      this.#sessions.delete(key);
    }
    return session;
  }

  #inSession(session: string): Caller | null {
    const held = this.#sessions.get(digest(session));
    if (held === undefined || held.untilMs <= this.#clock.monotonicMs()) return null;
    return { name: held.name, role: held.role };
  }

  #noteFailure(address: string): void {
    const known = this.#failures.get(address);
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size < ADDRESSES_MAX) break;
      this.#failures.delete(oldest);
    }
    this.#failures.set(address, { count: 1, untilMs: this.#clock.monotonicMs() + LOGIN_INTERVAL_MS });
  }
}

function digest(secret: string): string {
  return secretDigest(secret).toString("hex");
}
