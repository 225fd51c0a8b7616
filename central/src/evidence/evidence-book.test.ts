// Evidence is put together from parts in any order, doubled, mixed with junk and over restarts: whole and once, or not at all.
import { createHash } from "node:crypto";
import { MemoryStore } from "@millrace/queue";
import type { EvidenceManifest, EvidencePart } from "@millrace/wire";
import { evidencePartCount } from "@millrace/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { keysUnder } from "../store/central-keys.ts";
import { EVIDENCE, EVIDENCE_COUNT_MAX, EvidenceBook } from "./evidence-book.ts";
import type { EvidenceLimits } from "./evidence-book.ts";
import { evidenceParts, isEvidenceSound } from "./evidence-check.ts";

const PART_BYTES = 1_024;
const LIMITS: EvidenceLimits = { bytesMax: 1e9, retainMs: 1_000_000, unfinishedMs: 10_000 };
const FROM = { agent: "alpha-1", site: "alpha", nowMs: 1_000 };

function wholeOf(bytes: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => (at * 31 + seed * 7 + (at >> 8)) & 255);
}

function manifestOf(whole: Uint8Array, id = "ab".repeat(16)): EvidenceManifest {
  const sha256 = createHash("sha256").update(whole).digest("hex");
  return {
    id,
    kind: "payload",
    name: "waveform",
    labels: { site: "alpha", machine: "m1" },
    startMs: 5,
    endMs: 5,
    contentType: "application/octet-stream",
    sha256,
    bytes: whole.length,
    partBytes: PART_BYTES,
  };
}

function partsOf(whole: Uint8Array, manifest = manifestOf(whole)): EvidencePart[] {
  return Array.from({ length: evidencePartCount(manifest) }, (_, part) => ({
    manifest,
    part,
    data: whole.slice(part * PART_BYTES, (part + 1) * PART_BYTES),
  }));
}

async function reopened(store: MemoryStore, limits = LIMITS): Promise<EvidenceBook> {
  const book = new EvidenceBook(limits);
  const records = [];
  for await (const { value } of store.range(keysUnder("v"))) {
    const record = EVIDENCE.read(value);
    if (record !== null) records.push(record);
  }
  book.restore(records);
  return book;
}

async function keyCount(store: MemoryStore): Promise<number> {
  let count = 0;
  for (const prefix of ["v", "d"]) for await (const _ of store.range(keysUnder(prefix))) count += 1;
  return count;
}

async function bytesOf(store: MemoryStore, view: { id: string; parts: number }): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const bytes of evidenceParts(store, view)) chunks.push(bytes);
  return Buffer.concat(chunks);
}

test("any order, doubles, restarts and lost commits: whole exactly when every part has come", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 6_000 }),
      fc.array(
        fc.record({ pick: fc.nat(), event: fc.constantFrom("part", "part", "part", "commit", "crash") }),
        {
          maxLength: 40,
        },
      ),
      async (bytes, events) => {
        const whole = wholeOf(bytes);
        const parts = partsOf(whole);
        let store = new MemoryStore();
        let book = await reopened(store);
        let durable = new Set<number>();
        let taken = new Set<number>();
        for (const { pick, event } of events) {
          if (event === "part") {
            const part = parts[pick % parts.length];
            expect(book.take(part, FROM)).toBe(taken.has(part.part) ? "duplicate" : "taken");
            taken.add(part.part);
          } else if (event === "commit") {
            await store.commit(book.takeChanges(), { isSync: true });
            durable = new Set(taken);
          } else {
            store = store.crash({});
            book = await reopened(store);
            taken = new Set(durable);
          }
          const view = book.get(parts[0].manifest.id);
          expect(view?.partsHeld ?? 0).toBe(taken.size);
          expect(view?.state ?? "incomplete").toBe(taken.size === parts.length ? "checking" : "incomplete");
        }
        for (const part of parts) book.take(part, FROM);
        await store.commit(book.takeChanges(), { isSync: true });
        const [view] = book.unchecked();
        expect(await isEvidenceSound(store, view)).toBe(true);
        expect(book.checked(view.id, true, 2_000)).toMatchObject({ state: "complete", changedAtMs: 2_000 });
        expect(await bytesOf(store, view)).toEqual(Buffer.from(whole));
        expect(book.bytes).toBe(bytes);
        expect(parts.map((part) => book.take(part, FROM))).toEqual(parts.map(() => "duplicate"));
      },
    ),
    { numRuns: 60 },
  );
});

test("another piece under the same id, or from another agent, changes nothing", () => {
  const book = new EvidenceBook(LIMITS);
  const whole = wholeOf(3_000);
  const [first, second] = partsOf(whole);
  book.take(first, FROM);
  const other = partsOf(wholeOf(3_000, 1), { ...manifestOf(wholeOf(3_000, 1)) });
  expect(book.take(other[1], FROM)).toBe("conflict");
  expect(book.take(second, { ...FROM, agent: "beta-1" })).toBe("conflict");
  expect(book.get(first.manifest.id)).toMatchObject({ partsHeld: 1, agent: "alpha-1" });
});

test("a whole that is not what was sent is given up, with all its parts", async () => {
  const store = new MemoryStore();
  const book = new EvidenceBook(LIMITS);
  const whole = wholeOf(3_000);
  const manifest = { ...manifestOf(whole), sha256: "00".repeat(32) };
  for (const part of partsOf(whole, manifest)) book.take(part, FROM);
  await store.commit(book.takeChanges(), { isSync: true });
  const [view] = book.unchecked();
  expect(await isEvidenceSound(store, view)).toBe(false);
  expect(book.checked(view.id, false, 0)).toMatchObject({ fate: "damaged", view: { id: view.id } });
  await store.commit(book.takeChanges(), { isSync: true });
  expect(await keyCount(store)).toBe(0);
  expect(book.bytes).toBe(0);
});

test("what nobody finishes is given up after its time, counted from its latest part", async () => {
  const store = new MemoryStore();
  const book = new EvidenceBook(LIMITS);
  const [first, second] = partsOf(wholeOf(3_000));
  book.take(first, FROM);
  book.take(second, { ...FROM, nowMs: 6_000 });
  expect(book.expire(16_000)).toEqual([]);
  expect(book.expire(16_001)).toMatchObject([{ fate: "unfinished", view: { partsHeld: 2, parts: 3 } }]);
  await store.commit(book.takeChanges(), { isSync: true });
  expect(await keyCount(store)).toBe(0);
});

test("beyond the bytes the longest unchanged goes, never the one that is coming in", () => {
  const book = new EvidenceBook({ ...LIMITS, bytesMax: 5_000 });
  const piece = (id: string, nowMs: number) => {
    const whole = wholeOf(2_000);
    for (const part of partsOf(whole, manifestOf(whole, id))) book.take(part, { ...FROM, nowMs });
  };
  const [a, b, c] = ["aa", "bb", "cc"].map((byte) => byte.repeat(16));
  piece(a, 1_000);
  piece(b, 2_000);
  book.checked(a, true, 3_000);
  piece(c, 4_000);
  expect(book.expire(5_000)).toMatchObject([{ fate: "evicted", view: { id: b } }]);
  expect(book.bytes).toBe(4_000);
  expect(book.get(c)).toBeDefined();
});

test("what is old enough is forgotten", () => {
  const book = new EvidenceBook(LIMITS);
  const whole = wholeOf(10);
  book.take(partsOf(whole)[0], FROM);
  book.checked(manifestOf(whole).id, true, 1_000);
  expect(book.expire(1_001_000)).toEqual([]);
  expect(book.expire(1_001_001)).toMatchObject([{ fate: "expired" }]);
});

test("however many ids are invented, what is known of them is bounded", () => {
  const book = new EvidenceBook(LIMITS);
  const whole = wholeOf(3_000);
  const [part] = partsOf(whole);
  for (let number = 0; number < EVIDENCE_COUNT_MAX + 40; number += 1) {
    const id = number.toString(16).padStart(32, "0");
    book.take({ ...part, manifest: { ...part.manifest, id } }, FROM);
  }
  for (let tick = 0; tick < 4; tick += 1) book.expire(2_000);
  expect(book.count).toBe(EVIDENCE_COUNT_MAX);
  expect(book.get("0".repeat(32))).toBeUndefined();
});

test("a record that damage has made nonsense of is left out", () => {
  const whole = wholeOf(10);
  const view = {
    ...manifestOf(whole),
    agent: "a",
    site: "s",
    state: "complete" as const,
    parts: 1,
    partsHeld: 1,
  };
  const book = new EvidenceBook(LIMITS);
  book.restore([{ ...view, partBytes: 0, held: "gA==", firstAtMs: 1, changedAtMs: 1 }]);
  expect(book.count).toBe(0);
});
