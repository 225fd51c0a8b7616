import type { Store } from "@millrace/queue";
import { parseStateKey, StateNameScan, stateSpanRanges } from "@millrace/stream";
import type { StateName, WindowEngine } from "@millrace/stream";
import { knownStreams } from "../records/stored-streams.ts";
import { readEngineRange } from "../store/engine-entries.ts";
import { leftKeys } from "./left-keys.ts";
import type { LeftRecord } from "./left-record.ts";

/** A name, and how far what is stored under it reaches. */
export interface FoundName extends Pick<LeftRecord, "kind" | "name"> {
  readonly spanMs: number;
}

/** Every name that the store has state of and the pipeline does not have. Rejects with `store_read`. */
export async function findLeft(
  store: Store,
  { engine, streams }: { readonly engine: WindowEngine; readonly streams: ReadonlySet<string> },
): Promise<FoundName[]> {
  const scan = new StateNameScan();
  for (let range = scan.nextRange(); range !== null; range = scan.nextRange())
    scan.take(await readEngineRange(store, range));
  const left: FoundName[] = [];
  for (const name of scan.names)
    if (!engine.holds(name)) left.push({ ...name, spanMs: await spanOf(store, name) });
  for (const { stream } of await knownStreams(store)) {
    const found = { kind: "stream", name: stream, spanMs: 0 } as const;
    if (!streams.has(stream) && (await hasAny(store, found))) left.push(found);
  }
  return left;
}

async function spanOf(store: Store, name: StateName): Promise<number> {
  const [first, last] = stateSpanRanges(name);
  const [from] = await readEngineRange(store, first);
  const [to] = await readEngineRange(store, last);
  const startOf = (key: string | undefined) => parseStateKey(key ?? "")?.startMs ?? 0;
  return startOf(to?.key) - startOf(from?.key);
}

async function hasAny(store: Store, name: FoundName): Promise<boolean> {
  for (const range of leftKeys(name)) for await (const _ of store.range({ ...range, limit: 1 })) return true;
  return false;
}
