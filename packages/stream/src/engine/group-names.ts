import type { Labels } from "../series.ts";

/** Most label values remembered before all are forgotten: those still in use are back with the next batch. */
const VALUES_MAX = 100_000;

/**
 * Names groups by the values of certain labels, as in keys: a JSON list of them, "" for a label that is lacking. The names
 * are remembered by value: writing one out costs more than all else that a pane's row does.
 */
export class GroupNames {
  readonly #by: readonly string[];
  #root: Names = { name: null, byValue: new Map() };
  #valueCount = 0;

  constructor(by: readonly string[]) {
    this.#by = by;
  }

  of(labels: Labels): string {
    let names = this.#root;
    for (const label of this.#by) {
      const value = labels[label] ?? "";
      let next = names.byValue.get(value);
      if (next === undefined) {
        next = { name: null, byValue: new Map() };
        names.byValue.set(value, next);
        this.#valueCount++;
      }
      names = next;
    }
    names.name ??= JSON.stringify(this.#by.map((label) => labels[label] ?? ""));
    if (this.#valueCount > VALUES_MAX) this.#forget();
    return names.name;
  }

  #forget(): void {
    this.#root = { name: null, byValue: new Map() };
    this.#valueCount = 0;
  }
}

interface Names {
  name: string | null;
  readonly byValue: Map<string, Names>;
}
