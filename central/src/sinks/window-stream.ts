import { labelsKey, windowLengths } from "@millrace/stream";
import type { WindowResult, WindowSpec } from "@millrace/stream";
import type { WindowPage, WindowQuery } from "../api/central-reader.ts";
import { isChangedIn } from "./changed-range.ts";
import type { SinkPage, SinkPageQuery, SinkPlace, SinkStream } from "./sink-stream.ts";

export interface WindowStreamOptions {
  readonly windows: readonly WindowSpec[];
  /** Whether revisions of open windows go there. */
  readonly hasProvisional: boolean;
  /** Whether the latest window of a group is wanted until the next one has ended, however long that takes. */
  readonly isLatestWanted?: boolean;
  readonly readHistory: (query: WindowQuery) => Promise<WindowPage>;
}

/** The revisions of some windows, read again from central's history. */
export class WindowStream implements SinkStream<WindowResult> {
  readonly #windows: readonly { readonly name: string; readonly lengthMsMax: number }[];
  /** By window: how long it is of interest beyond a sink's retention. */
  readonly #wantedMs: ReadonlyMap<string, number>;
  readonly #names: ReadonlySet<string>;
  readonly #hasProvisional: boolean;
  readonly #readHistory: WindowStreamOptions["readHistory"];

  constructor({ windows, hasProvisional, isLatestWanted = false, readHistory }: WindowStreamOptions) {
    this.#wantedMs = new Map(
      windows.map((spec) => [spec.name, isLatestWanted ? windowLengths(spec).sizeMs : 0]),
    );
    this.#windows = windows.map((spec) => ({ name: spec.name, lengthMsMax: lengthMsMax(spec) }));
    this.#names = new Set(windows.map(({ name }) => name));
    this.#hasProvisional = hasProvisional;
    this.#readHistory = readHistory;
  }

  keyOf({ window, startMs, group, state }: WindowResult): string | null {
    const isWanted = this.#names.has(window) && (this.#hasProvisional || state !== "provisional");
    return isWanted ? `${window} ${startMs} ${labelsKey(group)}` : null;
  }

  changedAtMs({ updatedAtMs }: WindowResult): number {
    return updatedAtMs;
  }

  placeOf({ window, startMs }: WindowResult): SinkPlace {
    return { part: window, atMs: startMs };
  }

  isExpired({ window, endMs }: WindowResult, cutoffMs: number): boolean {
    return endMs + (this.#wantedMs.get(window) ?? 0) < cutoffMs;
  }

  /**
   * The newest first: what is published meanwhile lies behind, and never ahead. A cursor is the window's place in the list and,
   * after a space, the history's.
   */
  async read({ cutoffMs, changed, fromMs, limit, cursor }: SinkPageQuery): Promise<SinkPage<WindowResult>> {
    const [place, inside = ""] = (cursor ?? "0").split(" ");
    const at = this.#windows.findIndex(
      ({ name }, index) => index >= Number(place) && (fromMs === null || fromMs.has(name)),
    );
    const window = this.#windows[at];
    if (window === undefined) return { items: [], cursor: null };
    const { windows, cursor: next } = await this.#readHistory({
      window: window.name,
      group: {},
      fromMs: Math.max(cutoffMs - window.lengthMsMax, fromMs?.get(window.name) ?? Number.NEGATIVE_INFINITY),
      toMs: Number.POSITIVE_INFINITY,
      limit,
      cursor: inside === "" ? null : inside,
      isNewestFirst: true,
    });
    const items = windows.filter(
      (result) =>
        (changed === null || isChangedIn(changed, result.updatedAtMs)) && this.keyOf(result) !== null,
    );
    if (next !== null) return { items, cursor: `${at} ${next}` };
    return { items, cursor: at + 1 < this.#windows.length ? `${at + 1}` : null };
  }
}

/** A session ends a gap after its last reading, and a day may have an hour more than 24. */
function lengthMsMax(spec: WindowSpec): number {
  const { sizeMs, slideMs } = windowLengths(spec);
  return sizeMs + slideMs + (spec.kind === "day" ? 3_600_000 : 0);
}
