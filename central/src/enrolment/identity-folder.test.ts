// What a crash between a key and its certificate leaves blocks nobody, and costs no authority.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { requireName } from "../commands/require-name.ts";
import { IdentityFolder } from "./identity-folder.ts";

const ends: (() => unknown)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

function newFolder(): IdentityFolder {
  const path = mkdtempSync(join(tmpdir(), "millrace-identities-"));
  ends.push(() => rmSync(path, { recursive: true, force: true }));
  return new IdentityFolder(path);
}

test("a key without its certificate is written over; a pair that is whole only by a renewal", () => {
  const folder = newFolder();
  folder.write("uplink.key", "left", false);
  folder.writePair("uplink", { cert: "c1", key: "k1" }, false);
  const pair = () => ["crt", "key"].map((end) => readFileSync(join(folder.path, `uplink.${end}`), "utf8"));
  expect(pair()).toEqual(["c1", "k1"]);
  expect(() => folder.writePair("uplink", { cert: "c2", key: "k2" }, false)).toThrow(
    "--renew writes over it",
  );
  expect(pair()).toEqual(["c1", "k1"]);
  folder.writePair("uplink", { cert: "c2", key: "k2" }, true);
  expect(pair()).toEqual(["c2", "k2"]);
});

test("an authority's key without its certificate is told, with the way out", () => {
  const folder = newFolder();
  expect(folder.authority()).toBeNull();
  folder.write("authority.key", "left", false);
  expect(() => folder.authority()).toThrow(expect.objectContaining({ code: "file_in_the_way" }));
  folder.write("authority.crt", "c", false);
  expect(folder.authority()).toEqual({ cert: "c", key: "left" });
});

test("no name of an agent leads out of the folder", () => {
  for (const name of ["..", ".", "", "a/b", "../a", "\\"])
    expect(() => requireName("enroll", name)).toThrow("is no name");
  for (const name of ["alpha-1", "...", ".a", "a..b"])
    expect(() => requireName("enroll", name)).not.toThrow();
});

test("a folder named from where the caller stands is printed so that it can be named from anywhere", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-identities-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const identities = new IdentityFolder(relative(process.cwd(), folder));
  expect([identities.path, identities.below("beta-1").path]).toEqual([folder, join(folder, "beta-1")]);
});
