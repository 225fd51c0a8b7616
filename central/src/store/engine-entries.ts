import type { Change, Store } from "@millrace/queue";
import type { StateEntry, StateRange, WindowEngine } from "@millrace/stream";
import { parseStateKey } from "@millrace/stream";
import { passedPanes } from "../history/passed-panes.ts";
import { CENTRAL_KEYS, engineKeyOf } from "./central-keys.ts";

/** Gives the engine what the store has under these keys. */
export async function loadEngineKeys(
  store: Store,
  engine: WindowEngine,
  keys: readonly string[],
): Promise<void> {
  if (keys.length === 0) return;
  const found = await store.getMany(keys.map((key) => CENTRAL_KEYS.engine(key)));
  for (const [index, key] of keys.entries()) engine.load(key, found[index]);
}

/** The engine's entries in a range of its own keys. */
export async function readEngineRange(store: Store, range: StateRange): Promise<StateEntry[]> {
  const { from, to, ...rest } = range;
  const entries: StateEntry[] = [];
  for await (const { key, value } of store.range({
    from: CENTRAL_KEYS.engine(from),
    to: CENTRAL_KEYS.engine(to),
    ...rest,
  })) {
    entries.push({ key: engineKeyOf(key), bytes: value });
  }
  return entries;
}

/** Brings panes that were stored under another pipeline into the pane sizes of this one, some in each commit. */
export async function movePanes(store: Store, engine: WindowEngine): Promise<void> {
  const move = engine.paneMove();
  const noted = new Set<string>();
  for (let range = move.nextRange(); range !== null; range = move.nextRange()) {
    const keys = move.take(await readEngineRange(store, range));
    if (keys.length === 0) continue;
    const found = await store.getMany(keys.map((key) => CENTRAL_KEYS.engine(key)));
    const changes = move.merge(found).map(engineChange);
    const view = parseStateKey(keys.at(-1) ?? "")?.name;
    const notes = view === undefined || noted.has(view) ? [] : await passedPanes(store, view);
    if (view !== undefined) noted.add(view);
    await store.commit([...notes, ...changes], { isSync: true });
  }
}

export function engineChange({
  key,
  bytes,
}: {
  readonly key: string;
  readonly bytes: Uint8Array | null;
}): Change {
  const stored = CENTRAL_KEYS.engine(key);
  return bytes === null ? { type: "del", key: stored } : { type: "put", key: stored, value: bytes };
}
