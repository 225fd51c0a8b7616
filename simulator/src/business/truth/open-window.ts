export interface OpenWindowOptions<Totals> {
  readonly sizeMs: number;
  readonly begin: () => Totals;
  readonly write: (startMs: number, endMs: number, totals: Totals) => void;
}

/** Tumbling windows over what comes in order of time, of which one is open at a time: no panes, no merging. */
export class OpenWindow<Totals> {
  readonly #options: OpenWindowOptions<Totals>;
  #endMs = -Infinity;
  #totals: Totals | null = null;

  constructor(options: OpenWindowOptions<Totals>) {
    this.#options = options;
  }

  /** The totals to which something of this time belongs; writes the window before. */
  at(timeMs: number): Totals {
    if (this.#totals !== null && timeMs < this.#endMs) return this.#totals;
    const { sizeMs, begin } = this.#options;
    this.finish();
    this.#endMs = (Math.floor(timeMs / sizeMs) + 1) * sizeMs;
    this.#totals = begin();
    return this.#totals;
  }

  /** Nothing comes any more from before `untilMs`. */
  closeBefore(untilMs: number): void {
    if (untilMs >= this.#endMs) this.finish();
  }

  /** Writes the open window as it is. */
  finish(): void {
    const totals = this.#totals;
    this.#totals = null;
    if (totals !== null) this.#options.write(this.#endMs - this.#options.sizeMs, this.#endMs, totals);
  }
}
