import type { Change, Store } from "@millrace/queue";
import { numberKey, numberOfKey, parseJson, PREFIX, prefixRange, putJson } from "./agent-store.ts";
import { type FilePosition, parseFilePosition } from "../inputs/files/file-position.ts";
import type { FilePositions } from "../inputs/files/file-positions.ts";

export interface StoredFilePositionsOptions {
  readonly store: Store;
  failure(): string | null;
  /** Into the next commit. */
  push(change: Change): void;
  /** Resolves after the next commit. */
  durable(isUrgent: boolean): Promise<void>;
}

/** Positions of tailed files in the agent's store, part of its group commit. */
export class StoredFilePositions implements FilePositions {
  readonly #options: StoredFilePositionsOptions;

  constructor(options: StoredFilePositionsOptions) {
    this.#options = options;
  }

  failure(): string | null {
    return this.#options.failure();
  }

  async read(): Promise<ReadonlyMap<number, FilePosition>> {
    const positions = new Map<number, FilePosition>();
    for await (const { key, value } of this.#options.store.range(prefixRange(PREFIX.filePosition))) {
      const position = parseFilePosition(parseJson(value));
      if (position !== undefined) positions.set(numberOfKey(key), position);
    }
    return positions;
  }

  save(
    changes: ReadonlyMap<number, FilePosition | null>,
    { isUrgent }: { readonly isUrgent: boolean },
  ): Promise<void> {
    for (const [number, position] of changes) {
      const key = numberKey(PREFIX.filePosition, number);
      this.#options.push(position === null ? { type: "del", key } : putJson(key, position));
    }
    return this.#options.durable(isUrgent);
  }
}
