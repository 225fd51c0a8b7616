// A password is recognised by its hash, and by no other; what is no hash recognises nothing.
import { expect, test } from "vitest";
import { isPasswordOf, passwordHash } from "./password-hash.ts";

test("a hash knows its password, however the accents are written, and no other", async () => {
  const hash = await passwordHash("caf\u00e9 北京");
  expect(await passwordHash("caf\u00e9 北京")).not.toBe(hash);
  expect(await isPasswordOf("cafe\u0301 北京", hash)).toBe(true);
  expect(await isPasswordOf("cafe 北京", hash)).toBe(false);
});

test("what is no hash recognises nothing", async () => {
  const hash = await passwordHash("x");
  for (const junk of [
    "",
    "x",
    hash.slice(0, -1),
    hash.replace("32768", "9999999"),
    hash.replace("32768", "0"),
  ])
    expect(await isPasswordOf("x", junk)).toBe(false);
});
