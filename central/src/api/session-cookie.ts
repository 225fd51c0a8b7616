export const SESSION_COOKIE = "millrace_central";

/** The session in a Cookie header; undefined where there is none. */
export function sessionOf(header: string | undefined): string | undefined {
  for (const each of (header ?? "").split(";")) {
    const [name, value] = each.trim().split("=", 2);
    if (name === SESSION_COOKIE && value !== undefined && value !== "") return value;
  }
  return undefined;
}

/** No script reads it, and no page of another site makes the browser send it. */
export function sessionCookie(
  session: string,
  options: { readonly maxAgeS: number; readonly isSecure: boolean },
): string {
  const secure = options.isSecure ? "; Secure" : "";
  return `${SESSION_COOKIE}=${session}; Path=/; Max-Age=${options.maxAgeS}; HttpOnly; SameSite=Strict${secure}`;
}
