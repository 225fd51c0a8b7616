import type { Store } from "@millrace/queue";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import { StoredJson } from "../store/stored-json.ts";
import type { SinkMark } from "./sink-mark.ts";

interface MarkRecord {
  readonly place: string;
  /** -1 where nothing is known. */
  readonly changedAtMs: number;
}

const MARK = new StoredJson<MarkRecord>({ place: "string", changedAtMs: "number" });

/** A sink's mark in central's store; of one place only: what was written to another says nothing of this one. */
export class StoreMark implements SinkMark {
  readonly #store: Store;
  readonly #sink: string;
  readonly #place: string;
  #writtenMs = -Infinity;

  /** @param place where the sink writes, and what of. */
  constructor(store: Store, sink: string, place: string) {
    this.#store = store;
    this.#sink = sink;
    this.#place = place;
  }

  async read(): Promise<number | null> {
    const bytes = await this.#store.get(CENTRAL_KEYS.sinkMark(this.#sink));
    const found = bytes === undefined ? null : MARK.read(bytes);
    if (found === null || found.place !== this.#place || found.changedAtMs < 0) return null;
    this.#writtenMs = found.changedAtMs;
    return found.changedAtMs;
  }

  async write(changedAtMs: number | null): Promise<void> {
    const record = { place: this.#place, changedAtMs: changedAtMs ?? -1 };
    // One that is forgotten or taken back must stay so; one that is lost comes with the next commit of anything.
    const isSync = changedAtMs === null || changedAtMs < this.#writtenMs;
    await this.#store.commit([MARK.put(CENTRAL_KEYS.sinkMark(this.#sink), record)], { isSync });
    this.#writtenMs = changedAtMs ?? -Infinity;
  }
}
