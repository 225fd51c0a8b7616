// The last rows of a terminal, as a screen shows them: nothing is left behind, and what is typed stays.
import { createInterface } from "node:readline";
import { PassThrough, Writable } from "node:stream";
import { expect, test } from "vitest";
import { columnsOf } from "./columns-of.ts";
import { StatusLine } from "./status-line.ts";

const ESCAPE = String.fromCodePoint(0x1b);
const SEQUENCE = new RegExp(`${ESCAPE}\\[(\\d*)([A-Z])|([^])`, "gu");

/** As much of a terminal as is needed here: text that breaks, and the sequences that move and erase. */
class Screen {
  readonly columns: number;
  readonly #rows: string[][] = [[]];
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    this.columns = columns;
  }

  get rows(): string[] {
    return this.#rows.map((cells) =>
      Array.from(cells, (cell) => cell ?? " ")
        .join("")
        .trimEnd(),
    );
  }

  write(text: string): void {
    for (const [, count, command, character] of text.matchAll(SEQUENCE)) {
      const by = Number(count === "" ? 1 : count);
      if (command === "A") this.#row = Math.max(0, this.#row - by);
      else if (command === "G") this.#column = by - 1;
      else if (command === "J") {
        this.#rows.splice(this.#row + 1);
        this.#rows[this.#row].splice(this.#column);
      } else if (command !== undefined) throw new Error(`the screen knows no ${command}`);
      else if (character === "\r") this.#column = 0;
      else if (character === "\n") this.#down();
      else this.#put(character);
    }
  }

  #down(): void {
    this.#row += 1;
    this.#column = 0;
    this.#rows[this.#row] ??= [];
  }

  #put(character: string): void {
    const width = columnsOf(character);
    if (this.#column + width > this.columns) this.#down();
    this.#rows[this.#row][this.#column] = character;
    if (width === 2) this.#rows[this.#row][this.#column + 1] = "";
    this.#column += width;
  }
}

function terminal(columns: number) {
  const screen = new Screen(columns);
  const status = new StatusLine({ write: (text) => screen.write(text), columns: () => columns });
  return { screen, status };
}

test("rows are cut to the terminal, Chinese characters two columns wide, and renew themselves", () => {
  const { screen, status } = terminal(20);
  status.say("上海 runs\n");
  for (let turn = 0; turn < 3; turn += 1) status.renew(["x".repeat(19), "上海北京广州深圳武汉成都"]);
  expect(screen.rows).toEqual(["上海 runs", "x".repeat(19), "上海北京广州深圳武…"]);
  status.say("alpha is away\n");
  expect(screen.rows.slice(1)).toEqual(["alpha is away", "x".repeat(19), "上海北京广州深圳武…"]);
  status.renew(["one"]);
  expect(screen.rows.slice(2)).toEqual(["one"]);
  status.end();
  expect(screen.rows).toEqual(["上海 runs", "alpha is away", ""]);
});

function typing(columns: number) {
  const { screen, status } = terminal(columns);
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      screen.write(chunk.toString());
      done();
    },
  });
  const input = new PassThrough();
  const typed = createInterface({
    input,
    output: Object.assign(output, { columns }),
    prompt: "> ",
    terminal: true,
  });
  typed.on("line", (line) => status.answer(line, "done\n"));
  status.typeBelow(typed);
  return { screen, status, typed, type: (text: string) => typed.write(text) };
}

test("what a person types stays while the rows above renew themselves, and goes with its answer above them", () => {
  const { screen, status, typed, type } = typing(30);
  status.renew(["1 made", "2 made"]);
  type("overheat al");
  status.renew(["3 made", "4 made"]);
  expect(screen.rows).toEqual(["3 made", "4 made", "> overheat al"]);
  status.say("beta is away\n");
  type("pha");
  expect(screen.rows).toEqual(["beta is away", "3 made", "4 made", "> overheat alpha"]);
  type("\n");
  expect(screen.rows).toEqual(["beta is away", "> overheat alpha", "done", "3 made", "4 made", ">"]);
  status.end();
  typed.close();
  expect(screen.rows).toEqual(["beta is away", "> overheat alpha", "done", ""]);
});

test("a long order that breaks is redrawn whole", () => {
  const { screen, status, typed, type } = typing(20);
  status.renew(["1 made"]);
  type("fault leak alpha/line-1/mac");
  status.renew(["2 made"]);
  expect(screen.rows.filter((row) => row !== "")).toEqual(["2 made", "> fault leak alpha/l", "ine-1/mac"]);
  type("hine-1\n");
  expect(screen.rows).toEqual(["> fault leak alpha/l", "ine-1/machine-1", "done", "2 made", ">"]);
  typed.close();
});
