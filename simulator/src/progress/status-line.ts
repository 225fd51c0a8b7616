import type { Interface } from "node:readline";
import { columnsOf } from "./columns-of.ts";
import { cutToColumns } from "./cut-to-columns.ts";

export interface StatusLineOptions {
  readonly write: (text: string) => void;
  /** Of the terminal, as it is now. */
  readonly columns: () => number;
}

/** To the line's beginning, and away with all from there on (ECMA-48). */
const ERASE = "\r\u001b[J";

/** The last rows of a terminal, which renew themselves, above what a person is typing. What else is said goes above them. */
export class StatusLine {
  readonly #options: StatusLineOptions;
  #rows: readonly string[] = [];
  #typed: Interface | null = null;

  constructor(options: StatusLineOptions) {
    this.#options = options;
  }

  /** Each row is cut to the terminal: one that breaks would not be erased. */
  renew(rows: readonly string[]): void {
    this.#draw("", rows);
  }

  /** Whole lines. */
  say(text: string): void {
    this.#draw(text, this.#rows);
  }

  /** From now on a person types in the row below, until the interface is closed. */
  typeBelow(typed: Interface): void {
    this.end();
    this.#typed = typed;
    this.end();
    typed.once("close", () => {
      this.#typed = null;
      this.#options.write(`${upBy(this.#rows.length)}${ERASE}`);
      this.#rows = [];
    });
  }

  /** To a line that was just entered. */
  answer(line: string, text: string): void {
    const entered = `${this.#typed?.getPrompt() ?? ""}${line}`;
    const up = this.#typed === null ? 0 : Math.floor(columnsOf(entered) / this.#options.columns()) + 1;
    this.#draw(up === 0 ? text : `${entered}\n${text}`, this.#rows, up);
  }

  /** Leaves the terminal free for what follows. */
  end(): void {
    this.renew([]);
  }

  #draw(above: string, rows: readonly string[], enteredRows = 0): void {
    const { write, columns } = this.#options;
    const typed = this.#typed;
    const shown = typed === null ? Math.max(0, this.#rows.length - 1) : this.#rows.length;
    const typedRows = typed?.getCursorPos().rows ?? 0;
    const up = upBy(shown + typedRows + enteredRows);
    this.#rows = rows;
    const texts = rows.map((row) => cutToColumns(row, columns() - 1));
    const below = typed === null ? texts.join("\n") : texts.map((text) => `${text}\n`).join("");
    // The interface goes up by what it has typed before it writes that again.
    write(`${up}${ERASE}${above}${below}${"\n".repeat(typedRows)}`);
    typed?.prompt(true);
  }
}

function upBy(rows: number): string {
  return rows === 0 ? "" : `\u001b[${rows}A`;
}
