import { StoredJson } from "../store/stored-json.ts";

/** Something that the store has state of and the pipeline does not have: a window, a view of a metric's panes, a stream of records. */
export interface LeftRecord {
  readonly kind: "window" | "view" | "stream";
  /** As in keys. */
  readonly name: string;
  /** Central's clock at the first start without it; for people. */
  readonly leftAtMs: number;
  /** How long central has run without it. */
  readonly absentMs: number;
  /** Once central has run without it for so long, it is cleared. */
  readonly keepMs: number;
  /** Some of it is gone: it does not come back any more. */
  readonly isClearing: boolean;
}

export const LEFT = new StoredJson<LeftRecord>({
  kind: "string",
  name: "string",
  leftAtMs: "number",
  absentMs: "number",
  keepMs: "number",
  isClearing: "boolean",
});
