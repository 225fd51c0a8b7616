import type { HistoryLevel } from "@millrace/stream";
import { StoredJson } from "../store/stored-json.ts";

/** Of a series, by level: every chunk that begins before this is dropped, and none comes again; null: none was dropped. */
export type KeptFrom = Readonly<Record<HistoryLevel["name"], number | null>>;

const LEVEL = ["null", "number"] as const;

export const KEPT_FROM = new StoredJson<KeptFrom>({
  "1s": LEVEL,
  "10s": LEVEL,
  "1m": LEVEL,
  "1h": LEVEL,
  "1d": LEVEL,
});

export const NOTHING_DROPPED: KeptFrom = { "1s": null, "10s": null, "1m": null, "1h": null, "1d": null };
