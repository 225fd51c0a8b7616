import { join, resolve } from "node:path";
import { prepareDataFolder } from "@millrace/runtime";

const ROOT = resolve(import.meta.dirname, "../..");

/** Where everything of one run lies: configurations, stores, logs and the truth. */
export class RunFolder {
  readonly path: string;

  constructor(given: string | null, now: Date) {
    const stamp = now.toISOString().slice(0, 19).replaceAll(":", "-");
    this.path = given === null ? join(ROOT, "data", `run-${stamp}`) : resolve(given);
    prepareDataFolder(this.path);
  }

  get truth(): string {
    return join(this.path, "truth.jsonl");
  }

  /** Held while a run uses the folder. */
  get lock(): string {
    return join(this.path, "lock");
  }

  config(name: string): string {
    return join(this.path, `${name}.yaml`);
  }

  log(name: string): string {
    return join(this.path, `${name}.log`);
  }
}

/** A path inside the checkout. */
export function checkoutPath(...parts: string[]): string {
  return join(ROOT, ...parts);
}
