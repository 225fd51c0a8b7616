/** What `npm start` says: one line per stage with the seconds since the start, and one status line that is rewritten. */
export class StageLog {
  readonly #startedMs = performance.now();
  readonly #isTerminal = process.stdout.isTTY;
  #status = "";

  stage(text: string): void {
    const seconds = ((performance.now() - this.#startedMs) / 1_000).toFixed(1);
    this.line(`${seconds.padStart(6)} s  ${text}`);
  }

  line(text: string): void {
    this.#clearStatus();
    process.stdout.write(`${text}\n`);
    if (this.#status !== "") process.stdout.write(this.#status);
  }

  /** Only on a terminal: a file would fill with it. */
  status(text: string): void {
    if (!this.#isTerminal) return;
    this.#clearStatus();
    this.#status = text.slice(0, Math.max(20, (process.stdout.columns ?? 80) - 1));
    process.stdout.write(this.#status);
  }

  endStatus(): void {
    this.#clearStatus();
    this.#status = "";
  }

  #clearStatus(): void {
    if (this.#status !== "") process.stdout.write("\r\u001b[2K");
  }
}
