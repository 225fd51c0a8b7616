import { assert } from "../assert.ts";
import type { Ranked, Sketch, SketchInput, SketchKind } from "../sketch.ts";
import { InputHash } from "./input-hash.ts";
import { StateReader } from "./state-reader.ts";
import { StateWriter } from "./state-writer.ts";

/** Most inputs that are counted at a time. */
export const COUNTERS_MAX = 64;
/** Most UTF-16 units of a text; of a longer one it keeps the beginning and a hash of the whole. */
export const TEXT_UNITS_MAX = 64;

const FORMAT = 1;
const NUMBER = 0;
const TEXT = 1;
const HASH_DIGITS = 16;

const hash = new InputHash();

interface Counter {
  /** What is left of it after the others' share was taken off: never more than its true count. */
  left: number;
  /** How often it came while it was counted: never more than its true count, and never less than `left`. */
  seen: number;
}

/**
 * The most frequent inputs: Misra-Gries counters (1982), merged as mergeable summaries (Agarwal et al., PODS 2012).
 *
 * With at most 64 different inputs it is exact, and merging is associative and commutative to the bit. Above, whatever the
 * splits and merges: an input's true count lies in [count - errorMax, count], errorMax is at most N/65 of N inputs, and
 * every input more frequent than N/65 is in the ranking.
 *
 * A text longer than 64 UTF-16 units is kept as its beginning, "…" and 16 digits of its hash, so that two do not become one. What is
 * not well-formed Unicode in a text becomes U+FFFD.
 */
export class Topk implements Sketch {
  readonly name = "topk";
  readonly #counters = new Map<SketchInput, Counter>();
  #inputCount = 0;
  /** The most that was taken off one input: how often one without a counter may have come. */
  #taken = 0;

  add(input: SketchInput): void {
    const key = typeof input === "string" ? keptText(input) : input + 0;
    assert(typeof key === "string" || Number.isFinite(key), "a sketch is told texts and finite numbers");
    this.#inputCount++;
    const counter = this.#counters.get(key);
    if (counter !== undefined) {
      counter.left++;
      counter.seen++;
    } else if (this.#counters.size < COUNTERS_MAX) this.#counters.set(key, { left: 1, seen: 1 });
    // One off each, and this one is not counted: 65 inputs go together.
    else this.#takeOff(1);
  }

  merge(from: Sketch): void {
    assert(from instanceof Topk, "topk merges with topk");
    this.#inputCount += from.#inputCount;
    this.#taken += from.#taken;
    for (const [input, { left, seen }] of from.#counters) {
      const counter = this.#counters.get(input);
      // A sketch may be merged into itself: then nothing is set while it is walked through.
      this.#counters.set(input, { left: left + (counter?.left ?? 0), seen: seen + (counter?.seen ?? 0) });
    }
    if (this.#counters.size <= COUNTERS_MAX) return;
    const descending = [...this.#counters.values()].map(({ left }) => left).sort((a, b) => b - a);
    this.#takeOff(descending[COUNTERS_MAX]);
  }

  copy(): Topk {
    const copy = new Topk();
    copy.merge(this);
    return copy;
  }

  results(): Readonly<Record<string, number>> {
    const [top] = this.ranking();
    return top === undefined ? {} : { topCount: top.count, topErrorMax: top.errorMax };
  }

  ranking(): readonly Ranked[] {
    return [...this.#counters]
      .map(([input, { left, seen }]) => {
        const count = left + this.#taken;
        return { input, count, errorMax: count - seen };
      })
      .sort((a, b) => b.count - a.count || a.errorMax - b.errorMax || inOrder(a.input, b.input));
  }

  /**
   *   u8     format (1)
   *   count  inputs in all
   *   count  the most that was taken off one input
   *   count  counters, at most 64; each, numbers before texts, ascending (texts by UTF-16 units):
   *     u8     0 number, 1 text
   *     f64 or count and UTF-8 bytes
   *     count  what is left of it
   *     count  what was seen of it, less what is left
   */
  encode(): Uint8Array {
    const writer = new StateWriter();
    writer.byte(FORMAT);
    writer.count(this.#inputCount);
    writer.count(this.#taken);
    writer.count(this.#counters.size);
    for (const [input, { left, seen }] of [...this.#counters].sort(([a], [b]) => inOrder(a, b))) {
      writer.byte(typeof input === "number" ? NUMBER : TEXT);
      if (typeof input === "number") writer.float(input);
      else writer.text(input);
      writer.count(left);
      writer.count(seen - left);
    }
    return writer.bytes();
  }

  static decode(bytes: Uint8Array): Topk | undefined {
    const reader = new StateReader(bytes);
    const topk = new Topk();
    reader.require(reader.byte() === FORMAT);
    topk.#inputCount = reader.count();
    topk.#taken = reader.count();
    const count = reader.count(COUNTERS_MAX);
    let before: SketchInput | undefined;
    let accounted = (COUNTERS_MAX + 1) * topk.#taken;
    let seen = 0;
    for (let index = 0; index < count; index++) {
      const kind = reader.byte();
      reader.require(kind === NUMBER || kind === TEXT);
      const input = kind === NUMBER ? reader.float() : reader.text(3 * TEXT_UNITS_MAX);
      reader.require(typeof input === "number" || input.length <= TEXT_UNITS_MAX);
      reader.require(before === undefined || inOrder(before, input) < 0);
      const left = reader.count();
      const more = reader.count(topk.#taken);
      reader.require(left > 0);
      topk.#counters.set(input, { left, seen: left + more });
      accounted += left;
      seen += left + more;
      before = input;
    }
    const isExact = topk.#taken === 0;
    reader.require(isExact ? accounted === topk.#inputCount : accounted <= topk.#inputCount);
    reader.require(seen <= topk.#inputCount);
    return reader.isWhole ? topk : undefined;
  }

  #takeOff(share: number): void {
    this.#taken += share;
    for (const [input, counter] of this.#counters) {
      counter.left -= share;
      if (counter.left <= 0) this.#counters.delete(input);
    }
  }
}

function keptText(text: string): string {
  if (text.length <= TEXT_UNITS_MAX) return text.toWellFormed();
  hash.take(text);
  const digits = [hash.high, hash.low]
    .map((half) => half.toString(16).padStart(HASH_DIGITS / 2, "0"))
    .join("");
  const beginning = text.slice(0, TEXT_UNITS_MAX - 1 - HASH_DIGITS);
  return `${beginning.toWellFormed()}…${digits}`;
}

/** Numbers before texts, ascending. */
function inOrder(a: SketchInput, b: SketchInput): number {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

export const topkKind: SketchKind = {
  name: "topk",
  id: 10,
  results: ["topCount", "topErrorMax"],
  create: () => new Topk(),
  decode: Topk.decode,
};
