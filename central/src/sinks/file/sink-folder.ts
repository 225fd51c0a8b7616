import { mkdir, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { found } from "./found.ts";

/** Where the files of a sink are. It is made with the first line of any: until then nobody can take it for one that holds something. */
export class SinkFolder {
  readonly path: string;
  /** Who has been told that it was not there; null: it always was. */
  #toldMissing: Set<string> | null = null;
  #asked: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Whether it holds what was written to this file before. Files may be taken away; where it is not there itself, what was in it is gone
   * for each of them, also for the one that asks when the line of another has made it again. Fails where it cannot be made.
   */
  holds(file: string): Promise<boolean> {
    const answer = this.#asked.then(() => this.#look(file));
    this.#asked = answer.catch(() => undefined);
    return answer;
  }

  async #look(file: string): Promise<boolean> {
    if ((await found(this.path)) === null) {
      this.#toldMissing = new Set();
      await this.#tryToMake();
    }
    if (this.#toldMissing === null || this.#toldMissing.has(file)) return true;
    this.#toldMissing.add(file);
    return false;
  }

  /** Whether it can be made shows now, and not only with the first window: what is made is taken away again. */
  async #tryToMake(): Promise<void> {
    const missing: string[] = [];
    for (let at = this.path; (await found(at)) === null && dirname(at) !== at; at = dirname(at))
      missing.push(at);
    const made: string[] = [];
    try {
      // One by one: where a system says of a folder in one that is there that there is none, Node's own way tries for ever.
      for (const each of missing.toReversed()) {
        await mkdir(each);
        made.push(each);
      }
    } finally {
      for (const each of made.toReversed()) await rmdir(each);
    }
  }
}
