import { columnsOf } from "../progress/columns-of.ts";

/** Columns padded to their widest cell; numbers to the right. The first row is the heading. */
export function formatTable(rows: readonly (readonly (string | number)[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, columnsOf(String(cell)))));
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const padding = " ".repeat((widths[column] ?? 0) - columnsOf(String(cell)));
          const isRight = rows.some((each, index) => index > 0 && typeof each[column] === "number");
          return isRight ? `${padding}${cell}` : `${cell}${padding}`;
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
