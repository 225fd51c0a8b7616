import { LevelStore } from "@millrace/queue";
import type { Change } from "@millrace/queue";
import {
  chunkStartOf,
  encodeChunk,
  historyFields,
  HISTORY_LEVELS,
  HistoryRows,
  paneLayout,
} from "@millrace/stream";
import { HISTORY_KEYS } from "../../central/src/history/history-keys.ts";
import { seriesKeyOf } from "../../central/src/history/series-key.ts";
import { SeriesHistory } from "../../central/src/history/series-history.ts";
import { SeriesReader } from "../../central/src/history/series-reader.ts";
import { bucketAt, KEPT_MS, machineOf, YEAR_END_MS } from "./history-year.ts";

const BY = ["site", "machine"];
const COMMIT_BYTES = 8 * 2 ** 20;
const UNLIMITED = { retainMs: Infinity, bytesMax: Infinity };

/** Central's history of a year on the disk, written as rolling up leaves it, without the readings. */
export class HistoryStore {
  readonly reader: SeriesReader;
  readonly #store: LevelStore;

  private constructor(store: LevelStore, reader: SeriesReader) {
    this.#store = store;
    this.reader = reader;
  }

  static async fill(path: string, seriesCount: number): Promise<HistoryStore> {
    const store = await LevelStore.open({ path, kind: "central", version: 2, pid: process.pid });
    let changes: Change[] = [];
    let bytes = 0;
    const put = async (key: Uint8Array, value: Uint8Array) => {
      changes.push({ type: "put", key, value });
      bytes += value.length;
      if (bytes < COMMIT_BYTES) return;
      await store.commit(changes, { isSync: false });
      changes = [];
      bytes = 0;
    };
    const series = seriesKeyOf("temperature", BY);
    const json = (value: object) => new TextEncoder().encode(JSON.stringify(value));
    await put(HISTORY_KEYS.series(series), json({ metric: "temperature", by: BY, rolledToMs: YEAR_END_MS }));
    const fields = historyFields(paneLayout(1_000, ["sum", "min", "max"]).accumulators);
    for (const level of HISTORY_LEVELS) {
      const fromMs = YEAR_END_MS - KEPT_MS[level.name];
      for (let startMs = chunkStartOf(fromMs, level); startMs < YEAR_END_MS; startMs += level.chunkMs) {
        for (let index = 0; index < seriesCount; index++) {
          const rows = new HistoryRows(fields);
          const endMs = Math.min(startMs + level.chunkMs, YEAR_END_MS);
          for (let atMs = Math.max(startMs, fromMs); atMs < endMs; atMs += level.bucketMs) {
            const { count, sum, min, max } = bucketAt(index, atMs, level.bucketMs);
            // Fields: count, sum and its compensation, min, max, readings beside.
            rows.add(atMs, Float64Array.of(count, sum, 0, min, max, 0, 0, 0), 0);
          }
          const group = groupOf(index);
          const key = HISTORY_KEYS.chunk({ level: level.number, startMs, series, group });
          await put(key, encodeChunk({ rows, rolledToMs: YEAR_END_MS }, level, startMs));
          if (level.name === "1d")
            await put(HISTORY_KEYS.group(series, group), json({ lastChunkMs: startMs }));
        }
      }
    }
    await store.commit(changes, { isSync: true });
    await store.compact(Uint8Array.of(0), Uint8Array.of(0xff));
    const all = { "1s": UNLIMITED, "10s": UNLIMITED, "1m": UNLIMITED, "1h": UNLIMITED, "1d": UNLIMITED };
    const history = new SeriesHistory(store, all);
    await history.restore([], 0);
    return new HistoryStore(store, new SeriesReader(store, history, async () => {}));
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

function groupOf(index: number): string {
  return JSON.stringify([`s${index % 10}`, machineOf(index)]);
}
