import { LANES } from "@millrace/stream";
import type { Lane } from "@millrace/stream";
import type { LaneMarks } from "@millrace/wire";
import { SequenceSet } from "./sequence-set.ts";
import type { SequenceVerdict } from "./sequence-set.ts";

/** A stretch of a lane that carries one epoch, from `from` to the next segment's beginning. */
interface Segment {
  readonly epoch: number;
  readonly from: number;
}

/** What central durably knows of one (epoch, lane). */
export interface LaneRecord {
  readonly epoch: number;
  readonly lane: Lane;
  readonly floor: number;
  readonly mark: number;
  readonly above: readonly (readonly [number, number])[];
  /** Greatest sequence that truly arrived, 0 for none: what was only moved over (gaps, skips) does not count. */
  readonly received: number;
}

/** An epoch given at this hello. */
export interface Grant {
  /** Per lane: what lies before is in another copy of the store too. Epoch 0 there is the first one that was given, 1. */
  readonly epochFrom: Readonly<Record<Lane, number>> | undefined;
}

interface LaneHeld {
  readonly epoch: number;
  readonly lane: Lane;
  readonly set: SequenceSet;
  received: number;
}

/**
 * Tells which batches of one store are already held. Epochs are never forgotten: a disk that is rolled back twice would
 * otherwise be counted twice.
 */
export class Deduplication {
  readonly #held = new Map<number, Map<Lane, LaneHeld>>();
  readonly #chains = new Map<Lane, readonly Segment[]>();
  readonly #dirty = new Set<LaneHeld>();

  constructor(records: Iterable<LaneRecord> = []) {
    for (const { epoch, lane, floor, mark, above, received } of records)
      this.#lanes(epoch).set(lane, { epoch, lane, set: new SequenceSet(floor, mark, above), received });
    // Until the next hello tells it. What is read from a log goes on where no hello follows.
    for (const lane of LANES)
      for (const epoch of [...this.#held.keys()].sort((a, b) => a - b)) {
        const floor = this.#held.get(epoch)?.get(lane)?.set.floor;
        if (floor !== undefined) this.#goOn(lane, { epoch, from: floor + 1 });
      }
  }

  verdict(epoch: number, lane: Lane, sequence: number): SequenceVerdict | "unknown_epoch" {
    return this.#held.get(epoch)?.get(lane)?.set.verdict(sequence) ?? "unknown_epoch";
  }

  /**
   * Takes up an epoch with the first batch of it that a log holds, where no hello has named it: what granted it is no longer
   * in the log, or nobody had to. What was before in that lane has come before.
   */
  adopt(epoch: number, lane: Lane, sequence: number): void {
    if (this.#held.get(epoch)?.has(lane) === true) return;
    this.#begin(epoch, lane, sequence - 1);
    this.#goOn(lane, { epoch, from: sequence });
  }

  /** Holds one batch that arrived. */
  hold(epoch: number, lane: Lane, sequence: number): void {
    const held = this.#held.get(epoch)?.get(lane);
    if (held === undefined) return;
    held.set.add(sequence, sequence);
    held.received = Math.max(held.received, sequence);
    this.#dirty.add(held);
  }

  /** Moves over sequences that can never come; returns how many of them were not held. */
  moveOver(lane: Lane, from: number, to: number): number {
    let missing = 0;
    const chain = this.#chains.get(lane) ?? [];
    chain.forEach((segment, index) => {
      const first = index === 0 ? from : Math.max(from, segment.from);
      const last = Math.min(to, (chain[index + 1]?.from ?? Infinity) - 1);
      const held = this.#held.get(segment.epoch)?.get(lane);
      if (held === undefined || first > last) return;
      missing += held.set.add(first, last);
      this.#dirty.add(held);
    });
    return missing;
  }

  /** Whether a batch of this epoch ever arrived, in any lane. */
  isEpochUsed(epoch: number): boolean {
    return LANES.some((lane) => (this.#held.get(epoch)?.get(lane)?.received ?? 0) > 0);
  }

  /** Whether anything of this epoch arrived that lies at or above `from` of its lane. */
  hasFrom(epoch: number, from: Readonly<Record<Lane, number>>): boolean {
    return LANES.some((lane) => (this.#held.get(epoch)?.get(lane)?.received ?? 0) >= from[lane]);
  }

  /** Whether more of this epoch arrived than the agent's disk says it may have sent. */
  isAheadOf(epoch: number, lanes: Readonly<Record<Lane, LaneMarks>>): boolean {
    return LANES.some((lane) => (this.#held.get(epoch)?.get(lane)?.received ?? 0) > lanes[lane].sent);
  }

  /**
   * Takes the lane's chain of epochs as the agent tells it at hello, and returns the number of sequences that are gone
   * for good. A granted epoch begins above `sent`, and not before `epochFrom`: what copies of the store have in common
   * stays to be deduplicated under the epoch that it has in all of them. An epoch unknown here (central restored or new)
   * begins where the agent has it.
   */
  chain(lane: Lane, marks: LaneMarks, epoch: number, grant: Grant | undefined): number {
    const isGrant = grant !== undefined;
    const from = isGrant ? Math.max(marks.sent + 1, grant.epochFrom?.[lane] ?? 0) : marks.next;
    const kept = marks.epochs.filter(
      (segment) => !isGrant || (segment.from < from && segment.epoch !== epoch),
    );
    const isNamed = grant?.epochFrom !== undefined && epoch > 1 && !kept.some((each) => each.epoch === 1);
    const segments = kept.map((each) => (isNamed && each.epoch === 0 ? { ...each, epoch: 1 } : each));
    if ((segments.at(-1)?.epoch ?? -1) !== epoch) segments.push({ epoch, from });
    const markBefore = this.#greatestMark(lane);
    const isFirstKnown = this.#held.get(segments[0]?.epoch ?? epoch)?.has(lane) ?? false;
    for (const segment of segments) {
      const isHeld = this.#held.get(segment.epoch)?.has(lane) === true;
      if (isHeld && !(isGrant && segment.epoch === epoch)) continue;
      this.#begin(segment.epoch, lane, segment.from - 1);
    }
    this.#chains.set(lane, segments);
    if (isFirstKnown) {
      const first = this.mark(lane) + 1;
      return first < marks.oldest ? this.moveOver(lane, first, marks.oldest - 1) : 0;
    }
    return markBefore === null ? 0 : Math.max(0, marks.oldest - 1 - markBefore);
  }

  /** Everything of the lane up to here is held, over all its epochs. */
  mark(lane: Lane): number {
    const chain = this.#chains.get(lane) ?? [];
    let mark = 0;
    // With each batch, for each lane: without a pair made for each segment.
    for (let index = 0; index < chain.length; index += 1) {
      const held = this.#held.get(chain[index].epoch)?.get(lane);
      if (held === undefined) return mark;
      const last = (chain[index + 1]?.from ?? Infinity) - 1;
      mark = Math.max(mark, Math.min(held.set.mark, last));
      if (held.set.mark < last) return mark;
    }
    return mark;
  }

  /** What changed since the last call, to be committed. */
  takeDirty(): LaneRecord[] {
    const records = Array.from(this.#dirty, ({ epoch, lane, set, received }): LaneRecord => {
      const above = set.above.map(([from, to]) => [from, to] as const);
      return { epoch, lane, floor: set.floor, mark: set.mark, above, received };
    });
    this.#dirty.clear();
    return records;
  }

  /** The lane carries this epoch from there on, whatever was thought to. */
  #goOn(lane: Lane, segment: Segment): void {
    const before = this.#chains.get(lane)?.filter(({ from }) => from < segment.from) ?? [];
    this.#chains.set(lane, [...before, segment]);
  }

  #greatestMark(lane: Lane): number | null {
    let greatest: number | null = null;
    for (const lanes of this.#held.values()) {
      const held = lanes.get(lane);
      if (held !== undefined) greatest = Math.max(greatest ?? 0, held.set.mark);
    }
    return greatest;
  }

  #lanes(epoch: number): Map<Lane, LaneHeld> {
    const known = this.#held.get(epoch);
    if (known !== undefined) return known;
    const lanes = new Map<Lane, LaneHeld>();
    this.#held.set(epoch, lanes);
    return lanes;
  }

  /** From now on, or anew, this epoch is held of that lane; nothing up to the floor is promised. */
  #begin(epoch: number, lane: Lane, floor: number): void {
    const lanes = this.#lanes(epoch);
    const before = lanes.get(lane);
    if (before !== undefined) this.#dirty.delete(before);
    const held = { epoch, lane, set: new SequenceSet(floor), received: 0 };
    lanes.set(lane, held);
    this.#dirty.add(held);
  }
}
