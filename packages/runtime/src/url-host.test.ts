// Addresses that the log prints can be opened as they stand.
import { expect, test } from "vitest";
import { urlHost } from "./url-host.ts";

test("an address of IPv6 stands in brackets, all else as it is", () => {
  expect(["::1", "127.0.0.1", "central.example"].map(urlHost)).toEqual([
    "[::1]",
    "127.0.0.1",
    "central.example",
  ]);
});
