import { columnsOf } from "./columns-of.ts";

/** As much of the beginning as fits, and a mark where something is left out. */
export function cutToColumns(text: string, columnsMax: number): string {
  if (columnsOf(text) <= columnsMax) return text;
  let cut = "";
  let columns = columnsOf("…");
  for (const character of text) {
    columns += columnsOf(character);
    if (columns > columnsMax) break;
    cut += character;
  }
  return `${cut}…`;
}
