import { StoredJson } from "../store/stored-json.ts";

/** What is stored of a block that differs from its panes. */
export interface BlockMarker {
  readonly lengthMs: number;
  /** Panes of another size were rolled up in it: it is made anew of all groups. */
  readonly isAnew?: boolean;
}

export const MARKER = new StoredJson<BlockMarker>({ lengthMs: "number", "isAnew?": "boolean" });
