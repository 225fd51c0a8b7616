import type { Recorded } from "./recorded-message.ts";

/** What comes next of all files, and the time by then. */
export interface TimedRecord {
  readonly recorded: Recorded;
  /** -Infinity before the first that has one. */
  readonly timeMs: number;
}

/** One file on its way: the messages of a chunk, and how far they have been taken. */
interface Reel {
  readonly chunks: AsyncIterator<readonly Recorded[]>;
  recorded: readonly Recorded[];
  at: number;
  timeMs: number;
}

type TimeOf = (recorded: Recorded) => number | null;

/** One clock that is wrong must not carry the others away: a greater step counts once the next message confirms it. */
const STEP_MS_MAX = 3_600_000;

/**
 * The messages of several files in order of their times, each file's in its own order. A message without a time goes with
 * the one before it, and so does one that is over an hour ahead of its neighbours. A chunk or two of each file are in memory.
 */
export async function* mergedFiles(
  files: readonly AsyncIterable<readonly Recorded[]>[],
  timeOf: TimeOf,
): AsyncGenerator<TimedRecord> {
  const reels: Reel[] = [];
  for (const file of files) {
    const reel: Reel = { chunks: file[Symbol.asyncIterator](), recorded: [], at: 0, timeMs: -Infinity };
    if (await isLoaded(reel, timeOf)) reels.push(reel);
  }
  while (reels.length > 0) {
    let next = 0;
    for (let index = 1; index < reels.length; index += 1)
      if (reels[index].timeMs < reels[next].timeMs) next = index;
    const reel = reels[next];
    yield { recorded: reel.recorded[reel.at], timeMs: reel.timeMs };
    reel.at += 1;
    if (!(await isLoaded(reel, timeOf))) reels.splice(next, 1);
  }
}

/** The reel has a message at hand, and its time. */
async function isLoaded(reel: Reel, timeOf: TimeOf): Promise<boolean> {
  if (!(await hasAt(reel, 0))) return false;
  const timeMs = timeOf(reel.recorded[reel.at]);
  if (timeMs === null) return true;
  if (timeMs > reel.timeMs + STEP_MS_MAX && (await hasAt(reel, 1))) {
    const nextMs = timeOf(reel.recorded[reel.at + 1]);
    if (nextMs !== null && nextMs < timeMs - STEP_MS_MAX) return true;
  }
  reel.timeMs = Math.max(reel.timeMs, timeMs);
  return true;
}

async function hasAt(reel: Reel, ahead: number): Promise<boolean> {
  while (reel.at + ahead >= reel.recorded.length) {
    const { done, value } = await reel.chunks.next();
    if (done === true) return false;
    reel.recorded = [...reel.recorded.slice(reel.at), ...value];
    reel.at = 0;
  }
  return true;
}
