import { readFileSync } from "node:fs";
import { MillraceError, reasonOf } from "@millrace/runtime";

/** Who the simulator is at a receiver. */
export type Login = TokenLogin | PasswordLogin;
export interface TokenLogin {
  readonly kind: "token";
  readonly token: string;
}
export interface PasswordLogin {
  readonly kind: "password";
  readonly user: string;
  readonly password: string;
}

/** Where its secret is kept: neither a plan nor a command line holds one. */
export type LoginFile = TokenFile | PasswordFile;
export interface TokenFile {
  readonly kind: "token";
  readonly file: string;
}
export interface PasswordFile {
  readonly kind: "password";
  readonly user: string;
  readonly file: string;
}

/** Throws file_unreadable. */
export function readLogin(login: LoginFile): Login {
  return login.kind === "password" ? readPassword(login) : { kind: "token", token: readSecret(login.file) };
}

/** Throws file_unreadable. */
export function readPassword({ user, file }: PasswordFile): PasswordLogin {
  return { kind: "password", user, password: readSecret(file) };
}

/** What the file says, without its line's end. Throws file_unreadable. */
export function readSecret(path: string): string {
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw new MillraceError("file_unreadable", { path, reason: reasonOf(error) }, { cause: error });
  }
}

/** As HTTP says it (RFC 6750, RFC 7617); null: nobody asks. */
export function authorizationOf(login: Login | null): string | null {
  if (login === null) return null;
  if (login.kind === "token") return `Bearer ${login.token}`;
  return `Basic ${Buffer.from(`${login.user}:${login.password}`).toString("base64")}`;
}
