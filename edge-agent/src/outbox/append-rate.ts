/** What is appended is counted by the minute, for an hour. */
const MINUTE_MS = 60_000;
const MINUTES_MAX = 60;

/** How many bytes an hour go into the outbox, by what went in during the last one. */
export class AppendRate {
  readonly #minutes: { readonly fromMs: number; bytes: number }[] = [];

  add(bytes: number, nowMs: number): void {
    const fromMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
    const last = this.#minutes.at(-1);
    if (last?.fromMs === fromMs) last.bytes += bytes;
    else this.#minutes.push({ fromMs, bytes });
    this.#forgetBefore(fromMs - MINUTES_MAX * MINUTE_MS);
  }

  /** Null before a whole minute has been seen. `nowMs` is monotonic. */
  bytesPerHour(nowMs: number): number | null {
    const endMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
    this.#forgetBefore(endMs - MINUTES_MAX * MINUTE_MS);
    const whole = this.#minutes.filter(({ fromMs }) => fromMs < endMs);
    if (whole.length === 0) return null;
    const bytes = whole.reduce((sum, minute) => sum + minute.bytes, 0);
    return (bytes / (endMs - whole[0].fromMs)) * 60 * MINUTE_MS;
  }

  #forgetBefore(fromMs: number): void {
    while (this.#minutes.length > 0 && this.#minutes[0].fromMs < fromMs) this.#minutes.shift();
  }
}
