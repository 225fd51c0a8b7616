import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import type { Works } from "./works.ts";

const BLOCK_BYTES = 4_096;
const MIB = 1024 * 1024;

export type SmallFileSystem = "tmpfs" | "ext4";

/** A small file system of a test's own that really is full, or (ext4) goes read-only as after an error of the medium. */
export class SmallDisk {
  readonly path: string;
  readonly #image: string | undefined;

  /** Mounting takes root, and a container that may; ext4 a loop device. */
  static isPossible(fileSystem: SmallFileSystem): boolean {
    const folder = execFileSync("mktemp", ["-d"], { encoding: "utf8" }).trim();
    try {
      const image = fileSystem === "ext4" ? makeImage(`${folder}/image`) : undefined;
      mkdirSync(`${folder}/disk`);
      mountAt(`${folder}/disk`, image);
      execFileSync("umount", [`${folder}/disk`]);
      return true;
    } catch {
      return false;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  constructor(works: Works, name: string, fileSystem: SmallFileSystem) {
    this.path = works.path(name);
    mkdirSync(this.path);
    this.#image = fileSystem === "ext4" ? makeImage(works.path(`${name}.image`)) : undefined;
    mountAt(this.path, this.#image);
    // The processes on it end after this.
    works.atEnd(() => void execFileSync("umount", ["--lazy", this.path]));
  }

  /** Takes everything that is free. */
  fill(): void {
    const file = openSync(join(this.path, "ballast"), "a");
    try {
      const block = Buffer.alloc(BLOCK_BYTES);
      for (;;) writeSync(file, block);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    } finally {
      closeSync(file);
    }
  }

  empty(): void {
    rmSync(join(this.path, "ballast"), { force: true });
  }

  /** The kernel finds an error and takes no more writes, whatever is open. */
  failReadOnly(): void {
    const device = execFileSync("findmnt", ["-n", "-o", "SOURCE", this.path], { encoding: "utf8" }).trim();
    writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, "a test");
  }

  /** What a reboot does: the file system is checked and mounted anew. Nothing may be open on it. */
  remount(): void {
    execFileSync("umount", [this.path]);
    try {
      execFileSync("e2fsck", ["-p", "-f", this.#image ?? ""], { stdio: "ignore" });
    } catch {
      // 1: errors were there and are corrected.
    }
    mountAt(this.path, this.#image);
  }
}

function makeImage(image: string): string {
  writeFileSync(image, "");
  truncateSync(image, 64 * MIB);
  execFileSync("mkfs.ext4", ["-q", "-F", "-m", "0", image], { stdio: "ignore" });
  return image;
}

function mountAt(folder: string, image: string | undefined): void {
  const args =
    image === undefined
      ? ["-t", "tmpfs", "-o", "size=64m", "tmpfs", folder]
      : ["-o", "loop,errors=remount-ro", image, folder];
  execFileSync("mount", args, { stdio: "ignore" });
}
