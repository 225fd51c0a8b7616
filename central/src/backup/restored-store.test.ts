// What a file that is no backup is refused with, before anything is touched.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { checkBackup } from "./restored-store.ts";

test("a file that is not there, a folder, and a file that is no backup are told apart", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-backup-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const wrong = join(folder, "wrong");
  writeFileSync(wrong, "hello");
  await expect(checkBackup(join(folder, "nothing"))).rejects.toMatchObject({
    code: "file_unreadable",
    message: expect.stringContaining("there is no such file"),
  });
  await expect(checkBackup(folder)).rejects.toMatchObject({ code: "file_unreadable" });
  await expect(checkBackup(wrong)).rejects.toMatchObject({ code: "backup_unreadable" });
});
