// Who may change something without a login: a program on central's own machine.
import { expect, test } from "vitest";
import { isFromOwnMachine } from "./own-machine.ts";

test("a program on this machine is told from one elsewhere, a page and a proxy", () => {
  const isOwn = (remoteAddress: string | undefined, headers = {}) =>
    isFromOwnMachine({ remoteAddress, localAddress: "192.0.2.5", headers });
  expect(["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.5"].map((from) => isOwn(from))).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(["192.0.2.6", "::ffff:192.0.2.6", "2001:db8::1", undefined].map((from) => isOwn(from))).toEqual([
    false,
    false,
    false,
    false,
  ]);
  for (const name of ["origin", "x-forwarded-for", "forwarded", "via"])
    expect([name, isOwn("127.0.0.1", { [name]: "x" })]).toEqual([name, false]);
});
