import { SEAL_BYTES, sealValue } from "./sealed-value.ts";
import type { Change } from "./store.ts";

const BYTES_MIN = 16 * 1024;
/** Of a greater commit the memory is not kept for the next. */
const BYTES_MAX = 1024 * 1024;

/**
 * Where the values of commits are sealed. On a slow disk a copy in memory of its own would outlive two collections of the young,
 * and then lie there until everything is collected: so the same memory serves commit after commit.
 */
export class SealingRoom {
  /** Undefined while a commit is under way in it: another one has its own. */
  #spare: Uint8Array | undefined;

  /** What `work` is given it may look at until it has settled. */
  async seal<Result>(
    changes: readonly Change[],
    work: (sealed: Change[]) => Promise<Result>,
  ): Promise<Result> {
    const room = this.#take(bytesOf(changes));
    let end = 0;
    const sealed = changes.map((change): Change => {
      if (change.type === "del") return change;
      const { key, value } = change;
      const from = end;
      end += value.length + SEAL_BYTES;
      return { type: "put", key, value: sealValue(key, value, room.subarray(from, end)) };
    });
    try {
      return await work(sealed);
    } finally {
      if (room.length <= BYTES_MAX) this.#spare = room;
    }
  }

  #take(bytes: number): Uint8Array {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare !== undefined && spare.length >= bytes ? spare : new Uint8Array(Math.max(bytes, BYTES_MIN));
  }
}

function bytesOf(changes: readonly Change[]): number {
  let bytes = 0;
  for (const change of changes) if (change.type === "put") bytes += change.value.length + SEAL_BYTES;
  return bytes;
}
