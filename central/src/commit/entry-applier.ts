import type { Store } from "@millrace/queue";
import { RowRoom } from "@millrace/wire";
import type { Compression } from "@millrace/wire";
import { openMessage, paneRows } from "../log/opened-message.ts";
import type { OpenedMessage } from "../log/opened-message.ts";
import type { LogEntry } from "../log/uplink-log.ts";
import type { CentralState } from "../state/central-state.ts";
import { loadEngineKeys } from "../store/engine-entries.ts";
import type { AfterCommit, MessageApplier, Moment } from "./message-applier.ts";
import { SeriesMemories } from "./series-memories.ts";

/** Rows of a batch lie here until they are applied. */
const ROW_ROOM_BYTES = 1_048_576;

interface EntryApplierOptions {
  readonly state: CentralState;
  readonly applier: MessageApplier;
  readonly store: Store;
  readonly compression: Compression;
}

/** Unpacks what has come through the log and has it applied, each with what the store has of its windows. */
export class EntryApplier {
  readonly #options: EntryApplierOptions;
  readonly #series = new SeriesMemories();
  readonly #rowRoom = new RowRoom(ROW_ROOM_BYTES);

  constructor(options: EntryApplierOptions) {
    this.#options = options;
  }

  /**
   * In their order. What needs nothing of the store, as most batches do, is applied as soon as it is unpacked: its rows are in the
   * caches then, and the next ones take their place. The first one that does need something waits for that, with all behind it.
   */
  async apply(entries: readonly LogEntry[], moment: Moment, after: AfterCommit): Promise<void> {
    const { state, applier, store, compression } = this.#options;
    const room = this.#rowRoom;
    const needed = new Set<string>();
    const waiting: { readonly entry: LogEntry; readonly message: OpenedMessage }[] = [];
    for (const entry of entries) {
      const series = this.#series.of(entry.agent);
      const message = openMessage(entry.envelope, { compression, series, room });
      for (const rows of paneRows(message)) for (const key of state.engine.needs(rows)) needed.add(key);
      if (needed.size > 0) {
        waiting.push({ entry, message });
        continue;
      }
      applier.apply(entry, message, moment, after);
      room.reuse();
    }
    await loadEngineKeys(store, state.engine, [...needed]);
    for (const { entry, message } of waiting) applier.apply(entry, message, moment, after);
    state.engine.forgetRows();
    room.reuse();
  }
}
