import type { Change, Store } from "@millrace/queue";
import type { Logger } from "@millrace/runtime";
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

/** Long panes that are made in one commit. */
const MADE_PANES_MAX = 10_000;
/** Of so many panes each the log says how far it is. */
const TOLD_PANES = 200_000;

/** Brings panes that were stored under another pipeline into the pane sizes of this one, some in each commit. */
export async function movePanes(store: Store, engine: WindowEngine, log?: Logger): Promise<void> {
  const move = engine.paneMove();
  const noted = new Set<string>();
  const read = readAndTold(store, log, "stored panes are brought into the lengths that this pipeline needs");
  for (let range = move.nextRange(); range !== null; range = move.nextRange()) {
    const keys = move.take(await read(range));
    if (keys.length === 0) continue;
    const found = await store.getMany(keys.map((key) => CENTRAL_KEYS.engine(key)));
    const changes = move.merge(found).map(engineChange);
    const view = parseStateKey(keys.at(-1) ?? "")?.name;
    const notes = view === undefined || noted.has(view) ? [] : await passedPanes(store, view);
    if (view !== undefined) noted.add(view);
    await store.commit([...notes, ...changes], { isSync: true });
  }
}

/** Makes the long panes that this pipeline needs and the store does not have. */
export async function makeLongPanes(store: Store, engine: WindowEngine, log?: Logger): Promise<void> {
  const build = engine.longPaneBuild();
  const read = readAndTold(store, log, "long panes are made of the stored ones, once");
  for (let range = build.nextRange(); range !== null; range = build.nextRange()) {
    const changes = build.take(await read(range)).map(engineChange);
    // In their order, of which a crash takes the end: the mark is the last.
    for (let at = 0; at < changes.length; at += MADE_PANES_MAX)
      await store.commit(changes.slice(at, at + MADE_PANES_MAX), { isSync: false });
  }
}

function readAndTold(store: Store, log: Logger | undefined, message: string) {
  let panes = 0;
  return async (range: StateRange): Promise<StateEntry[]> => {
    const entries = await readEngineRange(store, range);
    const toldBefore = Math.floor(panes / TOLD_PANES);
    panes += entries.length;
    if (Math.floor(panes / TOLD_PANES) > toldBefore) log?.info(message, { panes });
    return entries;
  };
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
