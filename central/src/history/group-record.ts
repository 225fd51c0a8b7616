import { StoredJson } from "../store/stored-json.ts";

/** What is stored of a group of a series. */
export interface GroupRecord {
  /** The start of the last chunk of the coarsest level that it is in. */
  readonly lastChunkMs: number;
}

export const GROUP = new StoredJson<GroupRecord>({ lastChunkMs: "number" });
