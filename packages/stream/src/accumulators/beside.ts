import type { Accumulator } from "../accumulator.ts";
import { countFields } from "./count-fields.ts";

/** Why a reading is counted beside a pane; the order is that of the fields. */
export const BESIDE_KINDS = ["uncertain", "bad", "undeduplicated"] as const;
export type BesideKind = (typeof BESIDE_KINDS)[number];

/**
 * Readings counted beside a pane. `uncertain` and `bad` ones are in nothing else of it; `undeduplicated` ones are
 * readings that were also added (or counted uncertain or bad), accepted without being looked up.
 * Fields: uncertain, bad, undeduplicated.
 */
export const beside: Accumulator = {
  name: "beside",
  id: 15,
  params: [],
  width: 3,
  results: BESIDE_KINDS,
  ...countFields(3),
  add() {
    // A reading that enters the pane has nothing beside it: see `addBeside`.
  },
  addRun() {
    // Nor have many.
  },
  addAll() {
    // Nor have all.
  },
  finish(state, at): Readonly<Record<string, number>> {
    const isKnown = Number.isFinite(state[at] + state[at + 1] + state[at + 2]);
    return isKnown ? { uncertain: state[at], bad: state[at + 1], undeduplicated: state[at + 2] } : {};
  },
};

export function addBeside(state: Float64Array, at: number, kind: BesideKind): void {
  const field = at + BESIDE_KINDS.indexOf(kind);
  state[field] = state[field] + 1;
}
