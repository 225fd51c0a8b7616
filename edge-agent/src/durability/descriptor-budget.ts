import { readFileSync } from "node:fs";

/** For the store, the link, the status page, tailed files and Node itself. */
const OWN_DESCRIPTORS = 64;

/**
 * How many files and sockets the process may have open. Where clients took them all, the store could open no file, nobody
 * could ask for the status, and the system would refuse clients without a word.
 */
export class DescriptorBudget {
  readonly #openFilesMax: number;

  constructor(openFilesMax: number) {
    this.#openFilesMax = openFilesMax;
  }

  /** Of this process; unlimited where nothing tells (not Linux). */
  static ofProcess(): DescriptorBudget {
    try {
      const limits = readFileSync("/proc/self/limits", "utf8");
      const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
      return new DescriptorBudget(soft === undefined ? Number.POSITIVE_INFINITY : Number(soft));
    } catch {
      return new DescriptorBudget(Number.POSITIVE_INFINITY);
    }
  }

  get openFilesMax(): number {
    return this.#openFilesMax;
  }

  /** What each of several inputs may have of the clients that it is configured for: all, or else its share, at least one. */
  share(clientsMax: readonly number[]): number[] {
    const wanted = clientsMax.reduce((sum, each) => sum + each, 0);
    const share = Math.min(1, (this.#openFilesMax - OWN_DESCRIPTORS) / Math.max(1, wanted));
    return clientsMax.map((each) => Math.min(each, Math.max(1, Math.floor(each * share))));
  }
}
