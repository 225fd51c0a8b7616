import { stateRangesOf } from "@millrace/stream";
import { markersOf } from "../history/history-keys.ts";
import type { KeyRange } from "../history/history-keys.ts";
import { seriesKeyOfView } from "../history/series-key.ts";
import { CENTRAL_KEYS, keysUnder } from "../store/central-keys.ts";
import type { LeftRecord } from "./left-record.ts";

/** Where all lies that is cleared of a name, in that order. What the history has of its panes stays. */
export function leftKeys({ kind, name }: Pick<LeftRecord, "kind" | "name">): KeyRange[] {
  if (kind === "stream") return ["i", "x", "t"].map((letter) => keysUnder(letter, name));
  const ranges = stateRangesOf({ kind, name }).map(({ from, to }) => ({
    from: CENTRAL_KEYS.engine(from),
    to: CENTRAL_KEYS.engine(to),
  }));
  // Without its markers no block is rolled up again from panes that are gone.
  return kind === "view" ? [markersOf(seriesKeyOfView(name)), ...ranges] : ranges;
}
