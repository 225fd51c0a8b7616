import type { Position } from "./position.ts";
import { Zone } from "./zone.ts";
import type { ZoneSpec } from "./zone.ts";

/** What a position is in that is in no zone. */
export const OUTSIDE = "outside";

/** Areas in the order in which they are asked. */
export class Zones {
  readonly #zones: readonly Zone[];

  constructor(zones: readonly ZoneSpec[]) {
    this.#zones = zones.map((zone) => new Zone(zone));
  }

  /** The names that `at` may give. */
  get names(): readonly string[] {
    return [...this.#zones.map(({ name }) => name), OUTSIDE];
  }

  /** The number, in `names`, of the first zone that a position is in. */
  at(position: Position): number {
    for (let number = 0; number < this.#zones.length; number += 1)
      if (this.#zones[number].contains(position)) return number;
    return this.#zones.length;
  }
}
