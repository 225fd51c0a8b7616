// Data folder: made where it is missing, refused with the way out where it cannot be written.
import { mkdtempSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareDataFolder } from "./data-folder.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-data-"));

test("makes the folder and those above it, for its owner alone, and takes it as it is the next time", () => {
  const path = join(folder, "a/b/c");
  prepareDataFolder(path);
  prepareDataFolder(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

test("a file in the way is folder_unwritable", () => {
  const path = join(folder, "file");
  writeFileSync(path, "");
  expect(() => prepareDataFolder(path)).toThrow(
    `cannot write folder ${path}: a file of that name is in the way`,
  );
  expect(() => prepareDataFolder(join(path, "below"))).toThrow("a part of the path is a file");
});

test("a file system that refuses is folder_unwritable", () => {
  expect(() => prepareDataFolder("/proc/millrace")).toThrow(/cannot write folder \/proc\/millrace: /);
});
