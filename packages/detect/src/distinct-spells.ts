import type { EventTimeMs } from "@millrace/stream";

/** A time in which every window has enough: `[activeAtMs, endMs)`. */
export interface DistinctSpell {
  readonly activeAtMs: EventTimeMs;
  readonly endMs: EventTimeMs;
  /** Those that made it begin, by place. */
  readonly from: number;
  readonly to: number;
}

/**
 * The spells in which at least `atLeast` of the times lie in `(t - withinMs, t]`, in order. One that begins at the very end of
 * another is a spell of its own.
 * @param times ascending
 */
export function distinctSpells(
  times: readonly { readonly timeMs: EventTimeMs }[],
  atLeast: number,
  withinMs: number,
): DistinctSpell[] {
  const spells: DistinctSpell[] = [];
  for (let to = atLeast; to <= times.length; to += 1) {
    const from = to - atLeast;
    const activeAtMs = times[to - 1].timeMs;
    const endMs = times[from].timeMs + withinMs;
    if (activeAtMs >= endMs) continue;
    const last = spells.at(-1);
    if (last !== undefined && activeAtMs < last.endMs) spells[spells.length - 1] = { ...last, endMs };
    else spells.push({ activeAtMs, endMs, from, to });
  }
  return spells;
}
