// A mark is worth less than the commit that it comes after: where the folder cannot be looked at, it is left out.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { MARK_INTERVAL_MS, readSyncedNote, SyncedMark } from "./synced-mark.ts";

test("a folder that cannot be looked at, as where no file can be opened, fails nobody", async () => {
  const path = mkdtempSync(join(tmpdir(), "millrace-mark-"));
  writeFileSync(join(path, "000003.log"), "12345");
  const mark = await SyncedMark.open(path);
  await mark?.mark(0, 1);
  await vi.waitFor(async () => expect(await readSyncedNote(path)).toMatchObject({ bytes: 5, count: 1 }));
  rmSync(path, { recursive: true });
  await expect(mark?.mark(MARK_INTERVAL_MS, 2)).resolves.toBeUndefined();
  await mark?.close();
});
