import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** A heap that hardly grows is collected whole once 8 MiB more have gathered, outside it too; this is well before. */
const BYTES_MAX = 4 * 1024 * 1024;

/**
 * Has the buffers collected that sockets were read into. Each read brings one of its own, outside the heap. They die young, but
 * what collects the young waits for a heap that grows, and reading hardly makes it grow: so V8 would look at everything that
 * lives to be rid of them, several times a second under a flood, some milliseconds each. Those that are known to be done with need
 * no collection.
 */
export class ReadBuffers {
  readonly #collect: () => void;
  #bytes = 0;

  /** `collect` frees what died young. */
  constructor(collect: () => void) {
    this.#collect = collect;
  }

  /** So many bytes have come, and are done with or soon will be. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < BYTES_MAX) return;
    this.#bytes = 0;
    this.#collect();
  }

  /** Gives back at once what a socket was read into. Whoever still looked at a part of it would find nothing. */
  free(buffer: ArrayBuffer): void {
    this.#bytes = Math.max(0, this.#bytes - buffer.byteLength);
    // Detached, it has no memory (ECMA-262, ArrayBuffer.prototype.transfer).
    buffer.transfer(0);
  }
}

/** Those of this process. */
export function systemReadBuffers(): ReadBuffers {
  setFlagsFromString("--expose-gc");
  const collect: (options: { type: "minor" }) => void = runInNewContext("gc");
  // Nobody else's business.
  setFlagsFromString("--no-expose-gc");
  return new ReadBuffers(() => collect({ type: "minor" }));
}
