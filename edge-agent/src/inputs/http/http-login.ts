import { timingSafeEqual } from "node:crypto";
import type { HttpUser } from "@millrace/config";
import { secretDigest } from "@millrace/runtime";

/** Which user an `Authorization` header proves: Basic, Bearer, or InfluxDB's Token. Undefined: none. */
export function loginOf(authorization: string | undefined, users: readonly HttpUser[]): string | undefined {
  const [, scheme = "", value = ""] = /^(\S+) +(\S+)$/.exec(authorization ?? "") ?? [];
  switch (scheme.toLowerCase()) {
    case "basic": {
      const given = Buffer.from(value, "base64").toString();
      return userWhere(users, given, ({ user, password }) => password !== null && `${user}:${password}`);
    }
    case "bearer":
    case "token":
      return userWhere(users, value, ({ token }) => token ?? false);
    default:
      return undefined;
  }
}

/** All are compared, in constant time: how long it takes tells nothing. */
function userWhere(
  users: readonly HttpUser[],
  given: string,
  secretOf: (user: HttpUser) => string | false,
): string | undefined {
  const digest = secretDigest(given);
  let found: string | undefined;
  for (const user of users) {
    const secret = secretOf(user);
    if (secret !== false && timingSafeEqual(digest, secretDigest(secret))) found = user.user;
  }
  return found;
}
