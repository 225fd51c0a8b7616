import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";

/**
 * This checkout once more, in a folder of its own that git ignores: what is tracked and what is new, and the installed
 * packages as hard links. What a stranger's commands leave beside the checkout stays in `folder`, too.
 */
export class CheckoutCopy {
  /** Holds the checkout and whatever is put beside it. */
  readonly folder: string;

  constructor(root: string, purpose: string) {
    mkdirSync(path.join(root, ".cache"), { recursive: true });
    this.folder = mkdtempSync(path.join(root, ".cache", `${purpose}-`));
    const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    });
    for (const file of new Set(listed.split("\0"))) {
      // Tracked, and deleted meanwhile.
      if (file === "" || !existsSync(path.join(root, file))) continue;
      cpSync(path.join(root, file), path.join(this.checkout, file), { recursive: true });
    }
    execFileSync("cp", ["-al", path.join(root, "node_modules"), path.join(this.checkout, "node_modules")]);
  }

  get checkout(): string {
    return path.join(this.folder, "checkout");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
