import type { DecodeFailure } from "./decoded.ts";
import { decodeFailure } from "./decode-failure.ts";
import { LABEL_LENGTH_MAX } from "./label-length-max.ts";

const NONE: readonly string[] = [];

/** Where the labels of a payload stand: their names, and a place for each in the format's own terms. */
export class LabelSources<Place> {
  readonly names: readonly string[];
  readonly #places: readonly Place[];

  constructor(places: readonly (readonly [name: string, place: Place])[]) {
    this.names = places.map(([name]) => name);
    this.#places = places.map(([, place]) => place);
  }

  /** The labels' values in the order of their names: text, numbers, true and false, as a topic could carry them. */
  read(find: (place: Place) => unknown): { readonly values: readonly string[] } | DecodeFailure {
    const values: string[] = [];
    for (const [index, place] of this.#places.entries()) {
      const value = find(place);
      const text = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
      const name = this.names[index];
      if (typeof text !== "string" || text === "")
        return decodeFailure("malformed", `no text for label ${name}`);
      if (text.length > LABEL_LENGTH_MAX)
        return decodeFailure("oversized", `label ${name} has over ${LABEL_LENGTH_MAX} characters`);
      if (text.includes("\0") || !text.isWellFormed())
        return decodeFailure("malformed", `label ${name} has a character that no topic can have`);
      values.push(text);
    }
    return { values: values.length === 0 ? NONE : values };
  }
}
