import { LevelStore } from "@millrace/queue";
import type { Change } from "@millrace/queue";
import {
  encodeChunk,
  historyFields,
  HISTORY_LEVELS,
  HistoryRows,
  Membership,
  paneLayout,
  PaneTable,
} from "@millrace/stream";
import type { AgentStays } from "../../central/src/agents/agent-registry.ts";
import { CENTRAL_KEYS, keysUnder } from "../../central/src/store/central-keys.ts";
import { CENTRAL_STORE_FORMAT } from "../../central/src/state/central-state.ts";
import { emptyTotals, HISTORY_TOTALS } from "../../central/src/history/history-totals.ts";
import { HISTORY_KEYS } from "../../central/src/history/history-keys.ts";
import { seriesKeyOf } from "../../central/src/history/series-key.ts";
import { StoredEngine } from "../../packages/stream/src/engine/stored-engine.test-support.ts";
import { parseStateKey, stateKey } from "../../packages/stream/src/engine/state-key.ts";
import { decodeWindow, encodeWindow } from "../../packages/stream/src/engine/window-codec.ts";
import { encodeMarker } from "../../packages/stream/src/engine/open-marker.ts";
import { bucketAt, machineOf } from "./history-year.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const COMMIT_BYTES = 8 * 2 ** 20;
const BY = ["site", "machine"];
/** Chunks that are made; the others have the bytes of one of these. */
const CHUNKS_MADE = 512;
const METRIC = "temperature";
const ACCUMULATE = ["sum", "min", "max"];

export const KEPT_WINDOW = "temperature_1m";
export const KEPT_PIPELINE = `version: 1
metrics:
  ${METRIC}:
    unit: °C
    from: { topic: "factory/{site}/{machine}/temperature", number: {} }
    accumulate: [${ACCUMULATE.join(", ")}]
    live: true
windows:
  ${KEPT_WINDOW}: { metric: ${METRIC}, size: 1m, by: [${BY.join(", ")}], late: { allowed: 7d } }
`;

export interface KeptStoreOptions {
  readonly path: string;
  /** Of the history, about. */
  readonly historyBytes: number;
  /** That wait for an agent which is away. */
  readonly openWindows: number;
  /** Groups of the window, each of which has one open window a minute up to now. */
  readonly machines: number;
}

/**
 * Puts into central's store what a long time leaves there: hourly chunks of minutes of many series, and windows that wait for an
 * agent, with their last results and panes. Central has been there before: its agent belongs.
 */
export async function fillKeptStore(options: KeptStoreOptions): Promise<{ readonly bytes: number }> {
  const { path } = options;
  const store = await LevelStore.open({
    path,
    kind: "central",
    version: CENTRAL_STORE_FORMAT,
    pid: process.pid,
  });
  let changes: Change[] = [];
  let waiting = 0;
  let bytes = 0;
  const put = async (key: Uint8Array, value: Uint8Array) => {
    changes.push({ type: "put", key, value });
    waiting += key.length + value.length;
    if (waiting < COMMIT_BYTES) return;
    bytes += waiting;
    await store.commit(changes, { isSync: false });
    changes = [];
    waiting = 0;
  };
  await putMembers(store, put);
  // In order of the keys: compacting moves little.
  await putOpenWindows(put, options);
  await putHistory(put, options);
  await store.commit(changes, { isSync: true });
  // Else the first starts share the disk with what LevelDB still has to do.
  await store.compact(Uint8Array.of(0), Uint8Array.of(0xff));
  await store.close();
  return { bytes: bytes + waiting };
}

type Put = (key: Uint8Array, value: Uint8Array) => Promise<void>;

/** The agent belongs since long ago: the windows wait for it. */
async function putMembers(store: LevelStore, put: Put): Promise<void> {
  const joinedMs = Date.now() - 30 * DAY_MS;
  let memberCount = 0;
  for await (const { key, value } of store.range(keysUnder("m"))) {
    const { agent, stays }: AgentStays = JSON.parse(new TextDecoder().decode(value));
    await put(key, json({ agent, stays: stays.map((stay) => ({ ...stay, joinedMs })) }));
    memberCount += 1;
  }
  if (memberCount === 0) throw new Error("invariant: central has enrolled its agent");
}

async function putOpenWindows(put: Put, { openWindows, machines }: KeptStoreOptions): Promise<void> {
  const nowMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  const minutes = Math.ceil(openWindows / machines);
  const sample = sampleState(nowMs);
  const groups = Array.from({ length: machines }, (_, index) => groupOf(index)).toSorted();
  for (const kind of ["o", "p", "w"] as const) {
    const { name, bytes } = sample[kind];
    const result = kind === "w" ? decodeWindow(bytes) : null;
    for (let minute = minutes; minute > 0; minute--) {
      const startMs = nowMs - minute * MINUTE_MS;
      const endMs = startMs + MINUTE_MS;
      const marker = encodeMarker({ openedAtMs: startMs, firstPassedAtMs: null, isAside: minute > 10 });
      for (const group of groups) {
        const key = CENTRAL_KEYS.engine(stateKey(kind, name, startMs, group));
        if (result === null) await put(key, kind === "o" ? marker : bytes);
        else {
          const [site, machine]: string[] = JSON.parse(group);
          await put(
            key,
            encodeWindow({ ...result, startMs, endMs, updatedAtMs: endMs, group: { site, machine } }),
          );
        }
      }
    }
  }
}

/** What the engine leaves of one window that waits for an agent. */
function sampleState(nowMs: number) {
  const engine = new StoredEngine({
    windows: [
      {
        name: KEPT_WINDOW,
        metric: METRIC,
        kind: "aligned",
        sizeMs: MINUTE_MS,
        slideMs: MINUTE_MS,
        offsetMs: 0,
        by: BY,
        latenessMs: 7 * DAY_MS,
      },
    ],
    metrics: [{ name: METRIC, unit: "°C", accumulate: ACCUMULATE, isLive: true }],
  });
  const membership = membershipOf(nowMs);
  engine.setMembership(membership);
  const table = new PaneTable(METRIC, paneLayout(MINUTE_MS, ACCUMULATE), { rowsMax: 1 });
  table.add(0, nowMs - MINUTE_MS, 20.5);
  engine.apply(
    table.take(() => ({ site: "alpha", machine: machineOf(0) })),
    nowMs,
  );
  engine.tick(nowMs);
  const found = [...engine.store].map(([key, bytes]) => ({ parts: parseStateKey(key), bytes }));
  const of = (kind: "o" | "p" | "w") => {
    const { parts = null, bytes } = found.find((entry) => entry.parts?.kind === kind) ?? {};
    if (parts === null || bytes === undefined) throw new Error(`invariant: the engine stores ${kind}`);
    return { name: parts.name, bytes };
  };
  return { o: of("o"), p: of("p"), w: of("w") };
}

function membershipOf(nowMs: number): Membership {
  const membership = new Membership();
  membership.join("alpha-1", "alpha", nowMs - 30 * DAY_MS);
  return membership;
}

/** Hours of minutes of all machines, backwards from the hour that has just ended until there are so many bytes. */
async function putHistory(put: Put, { historyBytes, machines }: KeptStoreOptions): Promise<void> {
  const level = HISTORY_LEVELS[2];
  const endMs = Math.floor(Date.now() / level.chunkMs) * level.chunkMs;
  const made = Array.from({ length: CHUNKS_MADE }, (_, index) => chunkOf(index, endMs - HOUR_MS));
  const meanBytes = made.reduce((sum, { length }) => sum + length, 0) / made.length;
  const chunks = Math.ceil(historyBytes / meanBytes);
  const hours = Math.ceil(chunks / machines);
  const series = seriesKeyOf(METRIC, BY);
  const groups = Array.from({ length: machines }, (_, index) => groupOf(index)).toSorted();
  for (let hour = hours; hour > 0; hour--)
    for (const [index, group] of groups.entries()) {
      const key = HISTORY_KEYS.chunk({
        level: level.number,
        startMs: endMs - hour * level.chunkMs,
        series,
        group,
      });
      await put(key, made[(index + hour) % made.length]);
    }
  for (const group of groups)
    await put(HISTORY_KEYS.group(series, group), json({ lastChunkMs: endMs - HOUR_MS }));
  await put(HISTORY_KEYS.series(series), json({ metric: METRIC, by: BY, rolledToMs: endMs }));
  const kept = { ...emptyTotals()["1m"], bytes: chunks * meanBytes };
  const { key, value } = putOf(HISTORY_TOTALS.put(HISTORY_KEYS.totals(), { ...emptyTotals(), "1m": kept }));
  await put(key, value);
}

function chunkOf(index: number, startMs: number): Uint8Array {
  const level = HISTORY_LEVELS[2];
  const rows = new HistoryRows(historyFields(paneLayout(MINUTE_MS, ACCUMULATE).accumulators));
  for (let atMs = startMs; atMs < startMs + level.chunkMs; atMs += level.bucketMs) {
    const { count, sum, min, max } = bucketAt(index, atMs, level.bucketMs);
    // Fields: count, sum and its compensation, min, max, readings beside.
    rows.add(atMs, Float64Array.of(count, sum, 0, min, max, 0, 0, 0), 0);
  }
  return encodeChunk({ rows, rolledToMs: startMs + level.chunkMs }, level, startMs);
}

function putOf(change: Change): { readonly key: Uint8Array; readonly value: Uint8Array } {
  if (change.type === "del") throw new Error("invariant: totals are put");
  return change;
}

function groupOf(index: number): string {
  return JSON.stringify(["alpha", machineOf(index)]);
}

function json(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
