// What a full disk reads like.
import { MillraceError } from "@millrace/runtime";
import { expect, test } from "vitest";
import { isStoreFull } from "./is-store-full.ts";

const failed = (reason: string, code: "store_write" | "store_read" = "store_write") =>
  new MillraceError(code, { path: "/data/store", reason });

test.each([
  [failed("IO error: /data/store/000033.log: No space left on device"), true],
  [failed("Database failed to open: IO error: /data/store/000041.ldb: Disk quota exceeded"), true],
  [failed("ENOSPC: no space left on device, mkdir '/data/store.x'"), true],
  [failed("IO error: /data/store/000033.log: Input/output error"), false],
  [failed("No space left on device", "store_read"), false],
  [new Error("No space left on device"), false],
])("%s: %s", (error, isFull) => {
  expect(isStoreFull(error)).toBe(isFull);
});
