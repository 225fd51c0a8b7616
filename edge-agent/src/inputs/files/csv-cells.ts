/** The cells of one row (RFC 4180, within one line); blanks around them are left out. Undefined where a quote stays open. */
export function csvCells(row: string, delimiter: string): string[] | undefined {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    while (row[at] === " " && delimiter !== " ") at += 1;
    if (row[at] !== '"') {
      const end = row.indexOf(delimiter, at);
      cells.push(row.slice(at, end < 0 ? undefined : end).trim());
      if (end < 0) return cells;
      at = end + 1;
      continue;
    }
    let cell = "";
    for (;;) {
      const quote = row.indexOf('"', at + 1);
      if (quote < 0) return undefined;
      cell += row.slice(at + 1, quote);
      at = quote + 1;
      if (row[at] !== '"') break;
      cell += '"';
    }
    const end = row.indexOf(delimiter, at);
    cells.push(cell + row.slice(at, end < 0 ? undefined : end).trim());
    if (end < 0) return cells;
    at = end + 1;
  }
}
