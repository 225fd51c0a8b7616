import { timingSafeEqual } from "node:crypto";
import { secretDigest } from "@millrace/runtime";

export interface Identity {
  readonly id: string;
  /** Null where only a TLS client certificate identifies the agent. */
  readonly password: string | null;
}

/** An agent's id is no longer; whoever refuses to be one may send more. */
const NAME_LENGTH_SHOWN = 64;

/** Who may connect. Passwords are kept and compared as hashes of equal length, in constant time. */
export class IdentityBook {
  readonly #passwords = new Map<string, Buffer | null>();
  readonly #nobody = secretDigest("\0nobody");

  constructor(identities: readonly Identity[]) {
    for (const { id, password } of identities)
      this.#passwords.set(id, password === null ? null : secretDigest(password));
  }

  /** Whether the agent has the same secret here as there. */
  isSame(user: string, other: IdentityBook): boolean {
    const [mine, theirs] = [this.#passwords.get(user), other.#passwords.get(user)];
    return mine === theirs || (mine instanceof Buffer && theirs instanceof Buffer && mine.equals(theirs));
  }

  /**
   * Null: it may connect; else why not, for the log alone. `certifiedName`: the common name of a client certificate that the
   * configured CA signed, if one was shown.
   */
  refusalOf(user: string, password: Uint8Array, certifiedName: string | null): string | null {
    const expected = this.#passwords.get(user);
    // Compared for unknown users too, so that the answer's time does not tell which names exist.
    const isPasswordRight = timingSafeEqual(secretDigest(password), expected ?? this.#nobody);
    const isCertified = expected === null && certifiedName === user;
    if (isCertified || (expected instanceof Buffer && isPasswordRight)) return null;
    if (expected instanceof Buffer || certifiedName === null || certifiedName === user)
      return "unknown agent or wrong password";
    return `the certificate is ${shown(certifiedName)}'s, the user ${shown(user)}`;
  }
}

function shown(name: string): string {
  return name.slice(0, NAME_LENGTH_SHOWN);
}
