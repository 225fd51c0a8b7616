// Errors: one closed table; messages say what cannot be done and why, and the way out.
import { expect, test } from "vitest";
import { MillraceError, reasonOf, toExitCode } from "./error.ts";
import { ERROR_TABLE, type ErrorRow } from "./error-table.ts";

test("fills message and way out", () => {
  const error = new MillraceError("store_locked", { path: "/data", pid: 4711 });
  expect(error.explain()).toBe(
    "cannot open store /data: process 4711 holds it\n" +
      "  → stop that process, or give this one another `data` folder (store_locked)",
  );
  expect(error).toMatchObject({ domain: "user", retry: "later", exitCode: 1 });
});

test("wrong use and configuration exit with 2, everything else with 1", () => {
  expect(
    toExitCode(new MillraceError("wrong_usage", { command: "millrace-agent", reason: "no command" })),
  ).toBe(2);
  expect(toExitCode(new MillraceError("store_write", { path: "/data", reason: "disk full" }))).toBe(1);
  expect(toExitCode("thrown text")).toBe(1);
});

test("reasons of anything thrown fit on one line", () => {
  expect(reasonOf(new Error("open failed\n", { cause: new Error("IO error") }))).toBe(
    "open failed: IO error",
  );
  expect(reasonOf(17)).toBe("17");
});

test("every row is worded alike", () => {
  const rows: [string, ErrorRow][] = Object.entries(ERROR_TABLE);
  for (const [code, row] of rows) {
    expect(row.message, code).toMatch(/^cannot \w+/);
    expect(row.wayOut, code).not.toMatch(/\.$/);
    expect(row.meaning, code).toMatch(/^[A-Z].*\.$/);
  }
});
