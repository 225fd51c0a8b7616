import { readSecret, type TokenLogin } from "../publish/login.ts";

/** By a file's token, or the environment's; null: there is none. */
export function tokenLogin(file: string | undefined): TokenLogin | null {
  const token = file === undefined ? process.env["MILLRACE_TOKEN"] : readSecret(file);
  return token === undefined || token === "" ? null : { kind: "token", token };
}
