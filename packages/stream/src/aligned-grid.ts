import type { EventTimeMs } from "./event-time.ts";
import type { WindowGrid } from "./window-grid.ts";
import type { AlignedWindowSpec } from "./window-spec.ts";

/** Windows of one length, a slide apart. */
export class AlignedGrid implements WindowGrid {
  readonly #sizeMs: number;
  readonly #slideMs: number;
  readonly #offsetMs: number;

  constructor({ sizeMs, slideMs, offsetMs }: Pick<AlignedWindowSpec, "sizeMs" | "slideMs" | "offsetMs">) {
    this.#sizeMs = sizeMs;
    this.#slideMs = slideMs;
    this.#offsetMs = offsetMs;
  }

  startsAt(timeMs: EventTimeMs): EventTimeMs[] {
    const starts: EventTimeMs[] = [];
    for (let startMs = this.#latestStart(timeMs); startMs + this.#sizeMs > timeMs; startMs -= this.#slideMs)
      starts.push(startMs);
    return starts;
  }

  endOf(startMs: EventTimeMs): EventTimeMs {
    return startMs + this.#sizeMs;
  }

  firstEndingAfter(timeMs: EventTimeMs): EventTimeMs {
    return this.#latestStart(timeMs - this.#sizeMs) + this.#slideMs;
  }

  #latestStart(timeMs: EventTimeMs): EventTimeMs {
    return Math.floor((timeMs - this.#offsetMs) / this.#slideMs) * this.#slideMs + this.#offsetMs;
  }
}
