// Which names and addresses a certificate is issued for.
import { expect, test } from "vitest";
import { requireHost } from "./require-host.ts";

test.each([
  "central",
  "central.example",
  "plc_3.plant",
  "*.example.com",
  "1and1.com",
  "192.0.2.7",
  "2001:db8::1",
  "a".repeat(63),
])("%s", (host) => {
  expect(() => requireHost("certificate", host)).not.toThrow();
});

test.each([
  "",
  "a b",
  "a..b",
  ".a",
  "a.",
  "-a",
  "a-.b",
  "999.1.1.1",
  "1.2.3",
  "192.0.2.7:8883",
  "central:8883",
  "https://central",
  "fe80::1%eth0",
  "2001:db8:::1",
  "*",
  "a.*.b",
  "a\nb",
  "a".repeat(64),
  "a.".repeat(126) + "ab",
])("%j is refused", (host) => {
  expect(() => requireHost("certificate", host)).toThrow("is neither a host name nor an address");
});

test("a name in another script is refused with what DNS calls it", () => {
  expect(() => requireHost("certificate", "工厂.example")).toThrow("write xn--fmrp5v.example");
});
