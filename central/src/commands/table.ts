import { plainText } from "@millrace/runtime";

/** Rows under their heads, in columns as wide as their widest cell; nothing where there are no rows. */
export function formatTable(heads: readonly string[], texts: readonly (readonly string[])[]): string {
  if (texts.length === 0) return "";
  const rows = texts.map((cells) => cells.map((cell) => plainText(cell)));
  const widths = heads.map((head, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), head.length),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return `${[line(heads), ...rows.map(line)].join("\n")}\n`;
}
