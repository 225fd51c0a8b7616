import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { BloomFilter, ExpiringIdSet, type IdVerdict } from "@millrace/stream";
import type { Bench } from "./bench.ts";
import { median, rounded } from "./measure/statistics.ts";
import { recordIds, type RecordIds } from "./workload/record-ids.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const HORIZON_MS = 300_000;
const LATENESS_MS = 5_000;
const START_MS = 1_700_000_000_000;
const DUPLICATE_SHARE = 0.05;
/** Made beforehand, so that making ids is not measured. */
const CHUNK = 100_000;
/** Records judged at once, as they come in a message. */
const BATCH = 1_000;

/** Record ids in, duplicates out. */
export const engineDedupe: Bench = {
  name: "engine-dedupe",
  summary: "records judged by id, 5 min to live (ExpiringIdSet), beside a Map from id to time",
  async run({ isQuick, say }) {
    const liveCount = isQuick ? 1_000_000 : 10_000_000;
    // More would not do: a Map takes at most 16.7 million entries, deleted ones included until it is rehashed.
    const peerLiveCount = isQuick ? 500_000 : 4_000_000;
    const ours = await measure(liveCount, () => new IdSet(liveCount));
    say(`${liveCount} ids in the set: done`);
    const peer = await measure(peerLiveCount, () => new IdMap());
    say(`${peerLiveCount} ids in a Map: done`);
    const filter = measureFilter(liveCount);
    return {
      value: rounded(ours.perSecond),
      unit: "admits/s",
      better: "higher",
      peer: {
        name: `a Map of ${peerLiveCount} ids and their times, the oldest deleted from its front`,
        value: rounded(peer.perSecond),
      },
      further: {
        spread: rounded(ours.spread),
        bestChunkAdmitsPerSecond: rounded(ours.bestPerSecond),
        fillAdmitsPerSecond: rounded(ours.fillPerSecond),
        oneByOneAdmitsPerSecond: rounded(ours.oneByOnePerSecond),
        oneByOneBestChunkAdmitsPerSecond: rounded(ours.oneByOneBestPerSecond),
        idsLive: ours.idCount,
        bytesPerId: rounded(ours.bytesPerId),
        residentBytesPerId: rounded(ours.residentBytesPerId),
        pauseMsMax: rounded(ours.pauseMsMax),
        pauseCpuMsMax: rounded(ours.pauseCpuMsMax),
        falseDrops: ours.falseDrops,
        missedDuplicates: ours.missedDuplicates,
        peerBestChunkAdmitsPerSecond: rounded(peer.bestPerSecond),
        peerHeapBytesPerId: rounded(peer.heapBytesPerId),
        peerPauseMsMax: rounded(peer.pauseMsMax),
        peerPauseCpuMsMax: rounded(peer.pauseCpuMsMax),
        filterAddsPerSecond: rounded(filter.addsPerSecond),
        filterDenialsPerSecond: rounded(filter.denialsPerSecond),
      },
    };
  },
};

/** What is measured. */
interface Deduplicator {
  /** Judges a batch: 1 for a fresh id. All at once if it can, unless one by one is asked for. */
  judge(ids: readonly string[], timesMs: Float64Array, isFresh: Uint8Array, isOneByOne: boolean): void;
  readonly idCount: number;
  /** Of its own tables; NaN where it does not know. */
  readonly bytes: number;
}

class IdSet implements Deduplicator {
  readonly #set: ExpiringIdSet;
  readonly #verdicts: IdVerdict[] = [];

  constructor(liveCount: number) {
    const idsMax = Math.ceil(liveCount * 1.1);
    this.#set = new ExpiringIdSet({ horizonMs: HORIZON_MS, aheadMs: 60_000, idsMax, bytesMax: idsMax * 40 });
  }

  get idCount(): number {
    return this.#set.idCount;
  }

  get bytes(): number {
    return this.#set.bytes;
  }

  judge(ids: readonly string[], timesMs: Float64Array, isFresh: Uint8Array, isOneByOne: boolean): void {
    const watermarkMs = timesMs[0] - LATENESS_MS;
    if (isOneByOne) {
      for (let at = 0; at < ids.length; at += 1)
        isFresh[at] = this.#set.admit(ids[at], timesMs[at], watermarkMs) === "fresh" ? 1 : 0;
      return;
    }
    this.#set.admitAll(ids, timesMs, watermarkMs, this.#verdicts);
    for (let at = 0; at < ids.length; at += 1) isFresh[at] = this.#verdicts[at] === "fresh" ? 1 : 0;
  }
}

/** What a first program would do. Ids leave in order of arrival, which here is the order of time. */
class IdMap implements Deduplicator {
  readonly bytes = NaN;
  readonly #timeMsOf = new Map<string, number>();
  /** Kept: one begun anew would step over all that was deleted, each time. */
  readonly #fromOldest = this.#timeMsOf.entries();
  #oldest: [string, number] | undefined;

  get idCount(): number {
    return this.#timeMsOf.size;
  }

  judge(ids: readonly string[], timesMs: Float64Array, isFresh: Uint8Array): void {
    for (let at = 0; at < ids.length; at += 1) isFresh[at] = this.#isFresh(ids[at], timesMs[at]) ? 1 : 0;
  }

  #isFresh(id: string, timeMs: number): boolean {
    while (this.#oldest !== undefined && this.#oldest[1] < timeMs - LATENESS_MS - HORIZON_MS) {
      this.#timeMsOf.delete(this.#oldest[0]);
      this.#oldest = this.#fromOldest.next().value;
    }
    if (this.#timeMsOf.has(id)) return false;
    this.#timeMsOf.set(id, timeMs);
    this.#oldest ??= this.#fromOldest.next().value;
    return true;
  }
}

/** Fills it, then lets as many again come while those expire; every other chunk one by one. */
async function measure(liveCount: number, create: () => Deduplicator) {
  let deduplicator: Deduplicator | undefined = create();
  const ids = recordIds({ chunk: CHUNK, back: Math.floor(liveCount * 0.8), duplicateShare: DUPLICATE_SHARE });
  const timesMs = new Float64Array(CHUNK);
  const isFresh = new Uint8Array(CHUNK);
  const result = { pauseMsMax: 0, pauseCpuMsMax: 0, falseDrops: 0, missedDuplicates: 0 };
  const rates = { fill: [] as number[], atOnce: [] as number[], oneByOne: [] as number[] };
  for (let begin = 0; begin < 2 * liveCount; begin += CHUNK) {
    ids.make(begin);
    for (let at = 0; at < CHUNK; at += 1)
      timesMs[at] = START_MS + Math.floor(((begin + at) / liveCount) * HORIZON_MS);
    const isOneByOne = (begin / CHUNK) % 2 === 1;
    const before = process.cpuUsage();
    const pause = judgeChunk(deduplicator, ids, timesMs, isFresh, isOneByOne);
    const used = process.cpuUsage(before);
    const kind = begin < liveCount ? "fill" : isOneByOne ? "oneByOne" : "atOnce";
    rates[kind].push((CHUNK / (used.user + used.system)) * 1e6);
    result.pauseMsMax = Math.max(result.pauseMsMax, pause.msMax);
    result.pauseCpuMsMax = Math.max(result.pauseCpuMsMax, pause.cpuMsMax);
    for (let at = 0; at < CHUNK; at += 1) {
      if (ids.isDuplicate[at] === 0 && isFresh[at] === 0) result.falseDrops += 1;
      if (ids.isDuplicate[at] === 1 && isFresh[at] === 1) result.missedDuplicates += 1;
    }
  }
  const { idCount, bytes } = deduplicator;
  const withIt = await memory();
  deduplicator = undefined;
  const withoutIt = await memory();
  const perSecond = median(rates.atOnce);
  return {
    ...result,
    idCount,
    bytesPerId: bytes / idCount,
    residentBytesPerId: (withIt.rss - withoutIt.rss) / idCount,
    heapBytesPerId: (withIt.heapUsed - withoutIt.heapUsed) / idCount,
    perSecond,
    bestPerSecond: Math.max(...rates.atOnce),
    oneByOnePerSecond: median(rates.oneByOne),
    oneByOneBestPerSecond: Math.max(...rates.oneByOne),
    fillPerSecond: median(rates.fill),
    spread: (Math.max(...rates.atOnce) - Math.min(...rates.atOnce)) / perSecond,
  };
}

/** After the collector has given back what it can, some of it in the background. */
async function memory() {
  for (let round = 0; round < 3; round += 1) {
    collectGarbage();
    await sleep(100);
  }
  return process.memoryUsage();
}

/**
 * The longest that a batch took: by the clock, in which other programs' work counts; and of this thread's own time, which the system
 * counts in steps of 4 ms.
 */
function judgeChunk(
  deduplicator: Deduplicator,
  ids: RecordIds,
  timesMs: Float64Array,
  isFresh: Uint8Array,
  isOneByOne: boolean,
) {
  let msMax = 0;
  let cpuMsMax = 0;
  for (let from = 0; from < CHUNK; from += BATCH) {
    const to = from + BATCH;
    const texts = ids.texts.slice(from, to);
    const startedMs = performance.now();
    const before = process.threadCpuUsage();
    deduplicator.judge(texts, timesMs.subarray(from, to), isFresh.subarray(from, to), isOneByOne);
    const used = process.threadCpuUsage(before);
    cpuMsMax = Math.max(cpuMsMax, (used.user + used.system) / 1e3);
    msMax = Math.max(msMax, performance.now() - startedMs);
  }
  return { msMax, cpuMsMax };
}

/** A filter for as many ids, for 1 % of false positives: what it would cost to ask it first. */
function measureFilter(liveCount: number) {
  const filter = new BloomFilter({ capacity: liveCount, falsePositiveShare: 0.01 });
  const ids = recordIds({ chunk: CHUNK, back: 0, duplicateShare: 0 });
  const addRates: number[] = [];
  const denialRates: number[] = [];
  for (let begin = 0; begin < liveCount; begin += CHUNK) {
    ids.make(begin);
    addRates.push(rateOf(() => ids.texts.forEach((id) => filter.add(id))));
    ids.make(begin + liveCount);
    denialRates.push(rateOf(() => ids.texts.forEach((id) => filter.mayHave(id))));
  }
  return { addsPerSecond: median(addRates), denialsPerSecond: median(denialRates) };
}

function rateOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const used = process.cpuUsage(before);
  return (CHUNK / (used.user + used.system)) * 1e6;
}
