import type { EventTimeMs } from "@millrace/stream";

/** A time `[activeAtMs, endMs)` in which a condition holds. */
export interface Spell {
  readonly activeAtMs: EventTimeMs;
  readonly endMs: EventTimeMs;
}

/** Whether two spells are, in part, of the same time: then one alarm is of both. */
export function spellsMeet(one: Spell, other: Spell): boolean {
  return one.activeAtMs < other.endMs && other.activeAtMs < one.endMs;
}
