import type { StateEntry } from "./due-ranges.ts";
import { coarseKey, longKey, parseStateKey, wholeKey, withoutPaneSize } from "./state-key.ts";
import type { StateRange } from "./state-key.ts";

/** What the engine's state is stored under: a window, or a view (the panes of a metric, of one size and by certain labels). */
export interface StateName {
  readonly kind: "window" | "view";
  /** As in keys. */
  readonly name: string;
}

/** By what is stored, first letters of its keys; in this order it may go: that a window is final, last. */
const LETTERS = { window: ["o", "s", "w", "f"], view: ["p"] } as const;

/** Where all that is stored under a name lies. */
export function stateRangesOf({ kind, name }: StateName): StateRange[] {
  const under = (letter: string) => ({ from: `${letter}|${name}|`, to: `${letter}|${name}}` });
  const only = (key: string) => ({ from: key, to: `${key}\0` });
  if (kind === "view") {
    const long = withoutPaneSize(name);
    return [
      // Without it the long panes count as none.
      only(longKey(name)),
      { from: `l|${long}|`, to: `l|${long}}` },
      ...LETTERS.view.map(under),
      only(coarseKey(name)),
      only(wholeKey(name)),
    ];
  }
  return [...LETTERS.window, "n"].map((letter) =>
    // Of a window there is one such key, which ends with the name.
    letter === "f" || letter === "n" ? only(`${letter}|${name}`) : under(letter),
  );
}

/** How much event time lies between the first and the last of what is stored under a name: two looks at the store. */
export function stateSpanRanges({ kind, name }: StateName): [first: StateRange, last: StateRange] {
  const letter = kind === "view" ? "p" : "w";
  const range = { from: `${letter}|${name}|`, to: `${letter}|${name}}`, limit: 1 };
  return [range, { ...range, isReverse: true }];
}

/**
 * Finds every name that something is stored under, however much that is:
 *
 *   for (let range = scan.nextRange(); range !== null; range = scan.nextRange()) scan.take(read(range));
 */
export class StateNameScan {
  readonly #names = new Map<string, StateName>();
  readonly #letters = [...LETTERS.window, ...LETTERS.view];
  #from = "";

  get names(): readonly StateName[] {
    return [...this.#names.values()];
  }

  /** What is to be read next; null once all is found. */
  nextRange(): StateRange | null {
    const [letter] = this.#letters;
    if (letter === undefined) return null;
    return { from: this.#from === "" ? `${letter}|` : this.#from, to: `${letter}}`, limit: 1 };
  }

  take(entries: readonly StateEntry[]): void {
    const key = entries.at(0)?.key;
    if (key === undefined) {
      this.#letters.shift();
      this.#from = "";
      return;
    }
    const kind = key.startsWith("p|") ? "view" : "window";
    const name = key.startsWith("f|") ? key.slice(2) : parseStateKey(key)?.name;
    if (name !== undefined) this.#names.set(`${kind} ${name}`, { kind, name });
    // Behind all that is under the name; one that is none is passed by itself.
    this.#from = name === undefined || key.startsWith("f|") ? `${key}\0` : `${key.slice(0, 2)}${name}}`;
  }
}
