// Pages that may change something: the server's own, and programs that are none.
import { expect, test } from "vitest";
import { isOwnOrigin } from "./is-own-origin.ts";

test.each([
  [undefined, "127.0.0.1:9100", true],
  ["http://127.0.0.1:9100", "127.0.0.1:9100", true],
  ["https://gateway.plant.local", "gateway.plant.local", true],
  ["http://127.0.0.1:9101", "127.0.0.1:9100", false],
  ["http://evil.example", "127.0.0.1:9100", false],
  // Of a file, a sandboxed frame, a redirection.
  ["null", "127.0.0.1:9100", false],
  ["http://evil.example", undefined, false],
  ["nonsense", undefined, false],
])("a request of origin %s to %s: %s", (origin, host, isOwn) => {
  expect(isOwnOrigin(origin, host)).toBe(isOwn);
});
