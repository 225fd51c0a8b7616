// Room for a start on a full disk: laid aside while there is some, given up once, and laid aside again.
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SimulatedTime } from "@millrace/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DiskReserve } from "./disk-reserve.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-reserve-"));
  path = join(folder, "reserve");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("it is laid aside, whole, and given up once", async () => {
  const clock = new SimulatedTime(0).clock();
  const reserve = new DiskReserve({ path, clock, bytes: 10_000 });
  expect(await reserve.release()).toBe(false);
  // What an earlier one could not write to its end.
  writeFileSync(path, "part");
  await reserve.start();
  expect(statSync(path).size).toBe(10_000);
  expect([await reserve.release(), await reserve.release()]).toEqual([true, false]);
  expect(existsSync(path)).toBe(false);
  reserve.stop();
});

test("where there is no room nothing is taken", async () => {
  const clock = new SimulatedTime(0).clock();
  const reserve = new DiskReserve({ path, clock, bytes: 2 ** 50 });
  await reserve.start();
  expect(existsSync(path)).toBe(false);
  reserve.stop();
});
