import { stat } from "node:fs/promises";

/** What is there at a path; null: nothing. */
export async function found(
  path: string,
): Promise<{ readonly inode: number; readonly bytes: number; readonly changedAtMs: number } | null> {
  try {
    const { ino, size, mtimeMs } = await stat(path);
    return { inode: ino, bytes: size, changedAtMs: mtimeMs };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
