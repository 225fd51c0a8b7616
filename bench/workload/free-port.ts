import { findFreePort } from "@millrace/runtime";

/** The first free one from there on. */
export function freePort(purpose: string, port: number): Promise<number> {
  return findFreePort({ host: "127.0.0.1", port, purpose, setting: "the benchmark" });
}
