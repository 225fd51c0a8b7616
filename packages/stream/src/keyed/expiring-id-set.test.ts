// An id is a duplicate exactly while a naive Map would remember it: in any order, at any times, at the bounds, and after a
// restore at any point.
import fc from "fast-check";
import { expect, test } from "vitest";
import { ExpiringIdSet, type ExpiringIdSetOptions, type IdVerdict } from "./expiring-id-set.ts";
import type { RecordId } from "./id-hash.ts";

const options: ExpiringIdSetOptions = { horizonMs: 320, aheadMs: 100, idsMax: 1_000, bytesMax: 1e6, seed: 5 };
const GENERATION_MS = 10;

/** Of which one is as long as 64 where ids may be so far ahead. */
const FAR_AHEAD = { aheadMs: 2e9, nearMs: 10_000 * options.horizonMs, farLength: 64 };

/** Generations of 10 ms, the oldest dropped when there are more than `idsMax`. */
class Oracle {
  readonly #idsMax: number;
  readonly #ahead: typeof FAR_AHEAD;
  /** The last that it is remembered in. */
  readonly #generationOf = new Map<RecordId, number>();
  #watermarkMs = -Infinity;
  #floor = -Infinity;
  droppedCount = 0;

  constructor(idsMax: number, ahead = { ...FAR_AHEAD, aheadMs: options.aheadMs }) {
    this.#idsMax = idsMax;
    this.#ahead = ahead;
  }

  get idCount(): number {
    return this.#generationOf.size;
  }

  admit(id: RecordId, timeMs: number, watermarkMs: number): IdVerdict {
    if (Math.abs(watermarkMs) <= 8.64e15) this.#watermarkMs = Math.max(this.#watermarkMs, watermarkMs);
    this.raise(Math.floor((this.#watermarkMs - options.horizonMs) / GENERATION_MS));
    const generation = Math.floor(timeMs / GENERATION_MS);
    const isJudged =
      this.#watermarkMs > -Infinity &&
      timeMs >= this.#watermarkMs - options.horizonMs &&
      timeMs <= this.#watermarkMs + this.#ahead.aheadMs &&
      generation >= this.#floor;
    if (!isJudged) return "undeduplicated";
    const known = Object.is(id, -0) ? 0 : id;
    if (this.#generationOf.has(known)) return "duplicate";
    const { nearMs, farLength } = this.#ahead;
    const isFar = timeMs > this.#watermarkMs + nearMs;
    const last = (Math.floor(generation / farLength) + 1) * farLength - 1;
    this.#generationOf.set(known, isFar ? last : generation);
    if (this.#generationOf.size > this.#idsMax) {
      const before = this.#generationOf.size;
      this.raise(Math.min(...this.#generationOf.values()) + 1);
      this.droppedCount += before - this.#generationOf.size;
    }
    return "fresh";
  }

  raise(floor: number): void {
    if (!(floor > this.#floor)) return;
    this.#floor = floor;
    for (const [id, generation] of this.#generationOf)
      if (generation < this.#floor) this.#generationOf.delete(id);
  }
}

const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
const id = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 60 }) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 60 }).map(String) },
  fc.string({ unit, maxLength: 20 }),
  fc.double(),
  fc.uuid(),
);
const timeMs = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: -500, max: 1_500 }) },
  fc.constantFrom(NaN, Infinity, -Infinity, 0.5, 1e300, -1e300, 8.64e15),
);
const watermarkMs = fc.oneof(
  { weight: 30, arbitrary: fc.integer({ min: -600, max: 1_400 }) },
  fc.constantFrom(NaN, Infinity, -Infinity, 1e300, 1_700_000_000_000),
);
const call = fc.tuple(id, timeMs, watermarkMs);

test("it judges as a Map would, whatever the order and the times, also when it is full", () => {
  fc.assert(
    fc.property(
      fc.array(call, { maxLength: 300 }),
      fc.constantFrom(1, 3, 20, 1_000),
      fc.boolean(),
      (calls, idsMax, isAdvancing) => {
        const set = new ExpiringIdSet({ ...options, idsMax });
        const oracle = new Oracle(idsMax);
        for (const [at, [id, timeMs, watermarkMs]] of calls.entries()) {
          // A third of all watermarks that are drawn would be the greatest within a few calls.
          const nowMs = isAdvancing ? at * 5 - 100 : watermarkMs;
          const ownMs = isAdvancing ? timeMs + at * 5 - 500 : timeMs;
          expect(set.admit(id, ownMs, nowMs)).toBe(oracle.admit(id, ownMs, nowMs));
          expect(set.idCount).toBe(oracle.idCount);
        }
        expect(set.droppedForIdsCount).toBe(oracle.droppedCount);
        expect(set.droppedForBytesCount).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
});

test("ids that are years of horizons ahead are remembered until the watermark has come to them, in any order, through restores", () => {
  const far = fc.record({
    id: fc.nat(40),
    timeMs: fc.nat(400).map((step) => step * 300_000 + (step % 7) * 130),
    stepMs: fc.constantFrom(0, 0, 0, 10, 300, 1_000_000, 4_000_000, 90_000_000),
    isRestored: fc.nat(9).map((share) => share === 0),
  });
  fc.assert(
    fc.property(fc.array(far, { maxLength: 200 }), fc.constantFrom(1, 5, 20, 1_000), (calls, idsMax) => {
      const own = { ...options, aheadMs: FAR_AHEAD.aheadMs, idsMax };
      let set = new ExpiringIdSet(own);
      const oracle = new Oracle(idsMax, FAR_AHEAD);
      let nowMs = 0;
      for (const { id, timeMs, stepMs, isRestored } of calls) {
        nowMs += stepMs;
        expect(set.admit(id, timeMs, nowMs)).toBe(oracle.admit(id, timeMs, nowMs));
        expect(set.idCount).toBe(oracle.idCount);
        if (!isRestored) continue;
        const restored = ExpiringIdSet.decode([...set.encode()], own);
        if (restored === undefined) return expect.unreachable("what was encoded is read");
        set = restored;
      }
      expect(set.droppedForIdsCount).toBe(oracle.droppedCount);
    }),
    { numRuns: 300 },
  );
});

/** Some ten thousand calls of a stream that moves on, a fifth of them repetitions, with ids that scatter over segments. */
function* stream(callCount: number, salt: number): Generator<[RecordId, number, number]> {
  let state = salt;
  const next = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let at = 0; at < callCount; at += 1) {
    const number = next(5) === 0 ? next(at + 1) : at;
    const nowMs = Math.floor(at / 40);
    yield [number % 3 === 0 ? number : `record-${number}`, nowMs - next(350) + 90, nowMs];
  }
}

test("many segments grow and expire as a Map would", () => {
  const set = new ExpiringIdSet({ ...options, idsMax: 50_000, bytesMax: 1e7 });
  const oracle = new Oracle(50_000);
  for (const [id, timeMs, nowMs] of stream(60_000, 1))
    expect(set.admit(id, timeMs, nowMs)).toBe(oracle.admit(id, timeMs, nowMs));
  expect(set.idCount).toBe(oracle.idCount);
  const bytesThen = set.bytes;
  expect(bytesThen / set.idCount).toBeLessThan(40);
  // A horizon without any gives the memory back.
  set.admit("later", 2_000, 2_000);
  expect([set.idCount, set.bytes < bytesThen / 3]).toEqual([1, true]);
});

test("an id of long ago is not found again when the numbers of generations repeat", () => {
  const set = new ExpiringIdSet(options);
  set.admit("then", 0, 0);
  const repeatMs = 2 ** 23 * GENERATION_MS;
  // In steps too small to forget everything at once, and without an id that would take its slot.
  for (let nowMs = 0; nowMs < repeatMs; nowMs += options.horizonMs) set.admit("none", -1, nowMs);
  expect(set.admit("then", repeatMs, repeatMs)).toBe("fresh");
});

test("nor where all is passed at once, and ids far ahead keep the table", () => {
  const repeatMs = 2 ** 23 * GENERATION_MS;
  const set = new ExpiringIdSet({ ...options, aheadMs: 10 * repeatMs });
  set.admit("then", 0, 0);
  set.admit("far", 5 * repeatMs, 0);
  expect(set.admit("then", repeatMs, repeatMs)).toBe("fresh");
  expect([set.admit("far", 5 * repeatMs, repeatMs), set.idCount]).toEqual(["duplicate", 2]);
});

test("a set with room for millions takes no memory for them where two of its few ids lie decades apart", () => {
  const before = process.memoryUsage().rss;
  const sets = Array.from({ length: 8 }, () => {
    const set = new ExpiringIdSet({ horizonMs: 600_000, aheadMs: 3e12, idsMax: 1e7, bytesMax: 34e7 });
    set.admit("then", 0, 0);
    set.admit("now", 1.7e12, 0);
    expect(set.admit("now", 1.7e12, 1.7e12)).toBe("duplicate");
    return set;
  });
  expect(sets.map(({ idCount }) => idCount)).toEqual(sets.map(() => 1));
  const megabytes = (process.memoryUsage().rss - before) / 1e6;
  // Each had 55.
  expect(megabytes / sets.length).toBeLessThan(30);
});

test("where ids far ahead are the oldest by now they go first, and none that is later", () => {
  const set = new ExpiringIdSet({ ...options, aheadMs: FAR_AHEAD.aheadMs, idsMax: 3 });
  const oracle = new Oracle(3, FAR_AHEAD);
  const farMs = FAR_AHEAD.nearMs + 1_000_000;
  const admit = (id: string, timeMs: number, nowMs: number) => {
    const verdict = set.admit(id, timeMs, nowMs);
    expect([verdict, set.idCount]).toEqual([oracle.admit(id, timeMs, nowMs), oracle.idCount]);
  };
  admit("far", farMs, 0);
  for (const id of ["a", "b", "c", "a", "b", "c", "far"]) admit(id, farMs + 5_000, farMs - 100);
  for (const id of ["d", "a"]) admit(id, farMs + 9_000, farMs - 100);
});

test("the bound on bytes holds; what it costs is counted, and no id is called a duplicate that was not seen", () => {
  const bytesMax = 60_000;
  const set = new ExpiringIdSet({ ...options, idsMax: 50_000, bytesMax });
  const generationOf = new Map<RecordId, number>();
  for (const [id, timeMs, nowMs] of stream(60_000, 2)) {
    const verdict = set.admit(id, timeMs, nowMs);
    expect(set.bytes).toBeLessThanOrEqual(bytesMax);
    const floor = Math.floor(Math.min(set.floorMs, 1e9) / GENERATION_MS);
    const seen = generationOf.get(id) ?? -Infinity;
    if (verdict === "duplicate") expect(seen).toBeGreaterThanOrEqual(floor);
    else if (verdict === "fresh") {
      // Room for it may have been made by dropping the oldest: the floor of before is not known here.
      if (seen >= floor) expect.unreachable(`${id} was to be a duplicate`);
      generationOf.set(id, Math.floor(timeMs / GENERATION_MS));
    } else expect(timeMs).toBeLessThan(set.floorMs);
  }
  expect(set.droppedForBytesCount).toBeGreaterThan(1_000);
  expect(set.droppedForIdsCount).toBe(0);
});

function restored(set: ExpiringIdSet, options: ExpiringIdSetOptions): ExpiringIdSet {
  const again = ExpiringIdSet.decode(set.encode(), options);
  if (again === undefined) return expect.unreachable("a set that encode wrote is read");
  return again;
}

function bytesOf(set: ExpiringIdSet): string {
  return Buffer.concat([...set.encode()]).toString("hex");
}

test("a restore at any point changes nothing, to the bit", () => {
  fc.assert(
    fc.property(fc.array(call, { maxLength: 100 }), fc.nat({ max: 100 }), (calls, pauseAt) => {
      let set = new ExpiringIdSet({ ...options, idsMax: 20 });
      const straight = new ExpiringIdSet({ ...options, idsMax: 20 });
      for (const [at, [id, timeMs, watermarkMs]] of calls.entries()) {
        if (at === pauseAt) set = restored(set, { ...options, idsMax: 20 });
        expect(set.admit(id, timeMs, watermarkMs)).toBe(straight.admit(id, timeMs, watermarkMs));
      }
      expect(bytesOf(set)).toBe(bytesOf(straight));
    }),
  );
  for (const bytesMax of [60_000, 1e6]) {
    const many = { ...options, idsMax: 50_000, bytesMax };
    let set = new ExpiringIdSet(many);
    const straight = new ExpiringIdSet(many);
    let at = 0;
    for (const [id, timeMs, nowMs] of stream(30_000, 3)) {
      if (at++ % 5_000 === 4_999) set = restored(set, many);
      expect(set.admit(id, timeMs, nowMs)).toBe(straight.admit(id, timeMs, nowMs));
    }
    expect(bytesOf(set)).toBe(bytesOf(straight));
    expect(set.droppedForBytesCount > 0).toBe(bytesMax === 60_000);
  }
});

test("what a segment held before it was swept leaves no trace in the bytes", () => {
  const straight = new ExpiringIdSet({ ...options, idsMax: 20 });
  // Lies in the segment that the second call sweeps.
  straight.admit("0", 0, 0);
  straight.admit(0, 0, 330);
  const again = restored(straight, { ...options, idsMax: 20 });
  for (const set of [straight, again]) set.admit("42", 10, 0);
  expect(bytesOf(again)).toBe(bytesOf(straight));
});

test("many at once are judged as one by one, to the bit", () => {
  const many = { ...options, idsMax: 4_000, bytesMax: 150_000 };
  const atOnce = new ExpiringIdSet(many);
  const oneByOne = new ExpiringIdSet(many);
  const calls = [...stream(30_000, 4)];
  for (let from = 0; from < calls.length; from += 150) {
    const batch = calls.slice(from, from + 150);
    const nowMs = batch[0][2];
    const verdicts: IdVerdict[] = [];
    const ids = batch.map(([id]) => id);
    atOnce.admitAll(
      ids,
      batch.map(([, timeMs]) => timeMs),
      nowMs,
      verdicts,
    );
    expect(verdicts).toEqual(batch.map(([id, timeMs]) => oneByOne.admit(id, timeMs, nowMs)));
  }
  expect(bytesOf(atOnce)).toBe(bytesOf(oneByOne));
  expect(atOnce.droppedForIdsCount).toBeGreaterThan(0);
});

test("junk, parts and other options decode to undefined or to a set that works, never a throw", () => {
  const set = new ExpiringIdSet(options);
  for (let at = 0; at < 500; at += 1) set.admit(`id ${at}`, at, at);
  const chunks = [...set.encode()];
  expect(ExpiringIdSet.decode([], options)).toBeUndefined();
  expect(ExpiringIdSet.decode(chunks.slice(0, -1), options)).toBeUndefined();
  expect(ExpiringIdSet.decode([...chunks, chunks[1]], options)).toBeUndefined();
  expect(ExpiringIdSet.decode(chunks, { ...options, horizonMs: 330 })).toBeUndefined();
  expect(ExpiringIdSet.decode(chunks.map(Buffer.from), options)?.admit("id 499", 499, 499)).toBe("duplicate");
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), (junk) => {
      expect(ExpiringIdSet.decode(junk, options)).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(fc.nat({ max: 2 }), fc.nat(), fc.nat({ max: 255 }), (chunkAt, byteAt, byte) => {
      const damaged = chunks.map((chunk) => chunk.slice());
      damaged[chunkAt][byteAt % damaged[chunkAt].length] = byte;
      const read = ExpiringIdSet.decode(damaged, options);
      for (let at = 0; at < 100; at += 1) read?.admit(`new ${at}`, 500 + at, 500 + at);
    }),
  );
});

test("options that cannot work are refused at once", () => {
  expect(() => new ExpiringIdSet({ ...options, aheadMs: 1e14 })).toThrow(/1e13/);
  expect(() => new ExpiringIdSet({ ...options, bytesMax: 100 })).toThrow(/bytesMax/);
  expect(() => new ExpiringIdSet({ ...options, idsMax: 2 ** 28 })).toThrow(/idsMax/);
});

test("what is not judged is counted by reason", () => {
  const set = new ExpiringIdSet(options);
  expect(set.admit("a", 0, NaN)).toBe("undeduplicated");
  set.admit("a", 999, 1_000);
  set.admit("a", 679, 1_000);
  set.admit("a", 1_101, 1_000);
  expect([set.idCount, set.tooOldCount, set.aheadCount]).toEqual([1, 2, 1]);
});

/** A hash that nothing else has, with a word of content. */
const hashed = (number: number, content: number) => [number, number * 7, number * 31, content];
const judged = (set: ExpiringIdSet, ids: readonly (readonly [number, number])[], watermarkMs: number) => {
  const verdicts: IdVerdict[] = [];
  const hashes = Int32Array.from(ids.flatMap(([number, content]) => hashed(number, content)));
  const times = new Float64Array(ids.length).fill(1_000);
  set.admitHashes(hashes, times, new Float64Array(ids.length).fill(watermarkMs), ids.length, verdicts);
  return verdicts;
};

test("with content: the same id with another content is told from the same record", () => {
  const ids = Array.from({ length: 200 }, (_, at): [number, number] => [at + 1, at % 3]);
  const altered = ids.map(([number, content]): [number, number] => [number, content + (number % 2)]);
  const set = new ExpiringIdSet({ ...options, hasContent: true });
  expect(judged(set, ids, 1_000)).toEqual(ids.map(() => "fresh"));
  expect(judged(set, altered, 1_000)).toEqual(ids.map(([number]) => (number % 2 ? "altered" : "duplicate")));
  const plain = new ExpiringIdSet(options);
  judged(plain, ids, 1_000);
  expect(judged(plain, altered, 1_000)).toEqual(ids.map(([n]) => (n % 2 ? "fresh" : "duplicate")));
});

test("a set that begins where another was, with what that remembered, judges as it does", () => {
  const time = fc.integer({ min: 0, max: 900 });
  const calls = fc.array(fc.record({ id: fc.integer({ min: 1, max: 40 }), time }), { maxLength: 120 });
  fc.assert(
    fc.property(calls, calls, fc.constantFrom(5, 1_000), (before, after, idsMax) => {
      const admit = (set: ExpiringIdSet, { id, time }: { id: number; time: number }, watermark: number) => {
        const verdicts: IdVerdict[] = [];
        const hashes = Int32Array.from(hashed(id, 0));
        set.admitHashes(hashes, Float64Array.of(time), Float64Array.of(watermark), 1, verdicts);
        return verdicts[0];
      };
      const set = new ExpiringIdSet({ ...options, idsMax });
      const taken: { id: number; time: number }[] = [];
      let watermarkMs = 0;
      for (const call of before) {
        watermarkMs = Math.max(watermarkMs, call.time - 20);
        if (admit(set, call, watermarkMs) === "fresh") taken.push(call);
      }
      const again = new ExpiringIdSet({ ...options, idsMax });
      again.begin(watermarkMs, set.floorMs === Infinity ? -Infinity : set.floorMs);
      const hashes = Int32Array.from(taken.flatMap(({ id }) => hashed(id, 0)));
      again.remember(
        hashes,
        Float64Array.from(taken, ({ time }) => time),
        taken.length,
      );
      expect(again.idCount).toBe(set.idCount);
      for (const call of after) {
        watermarkMs = Math.max(watermarkMs, call.time - 20);
        expect(admit(again, call, watermarkMs)).toBe(admit(set, call, watermarkMs));
      }
    }),
  );
});

test("a set that begins where ids were cleared judges none of their time, whatever its horizon, and all of a generation later", () => {
  const times = { clearedMs: fc.integer({ min: 0, max: 1e6 }), horizonMs: fc.integer({ min: 1, max: 1e5 }) };
  fc.assert(
    fc.property(fc.record(times), ({ clearedMs, horizonMs }) => {
      const set = new ExpiringIdSet({ ...options, horizonMs, aheadMs: 10 * horizonMs });
      set.begin(clearedMs, clearedMs - horizonMs, clearedMs);
      expect(set.admit(1, clearedMs, clearedMs)).toBe("undeduplicated");
      expect(set.admit(2, clearedMs + Math.ceil(horizonMs / 32), clearedMs)).toBe("fresh");
    }),
  );
});
