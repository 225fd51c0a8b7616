import type { Labels } from "@millrace/stream";
import { PairIndex } from "./pair-index.ts";
import type { TextIndex } from "./text-index.ts";

/** Numbers for the combinations of label values that metrics with the same labels have. */
export class LabelSet {
  readonly names: readonly string[];
  /** By label: where its value stands among a record's fields. */
  readonly fields: readonly number[];
  /** For each label, of the combination before it and its text. */
  readonly #steps: readonly PairIndex[];

  constructor(names: readonly string[], fields: readonly number[]) {
    this.names = names;
    this.fields = fields;
    this.#steps = names.map(() => new PairIndex());
  }

  /** Combinations that are known. */
  get size(): number {
    return this.#steps.at(-1)?.size ?? 1;
  }

  /** The combination that comes of one and a label's text; begin with label 0 and combination 0. */
  step(label: number, combination: number, text: number): number {
    return this.#steps[label].numberOf(combination, text);
  }

  labelsOf(combination: number, texts: TextIndex): Labels {
    const entries: [string, string][] = [];
    let at = combination;
    for (let label = this.names.length - 1; label >= 0; label -= 1) {
      entries.unshift([this.names[label], texts.textOf(this.#steps[label].secondOf(at))]);
      at = this.#steps[label].firstOf(at);
    }
    return Object.fromEntries(entries);
  }
}
