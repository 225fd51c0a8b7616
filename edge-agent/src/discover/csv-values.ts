import { type CsvSpec, DECIMAL_NUMBER, Payload } from "@millrace/wire";
import { fieldNames } from "./field-names.ts";
import type { ReadableValue } from "./payload-shape.ts";

const DELIMITERS = [",", ";", "\t", "|"] as const;
const COLUMNS_MAX = 64;
const LABELS_MAX = 4;

/** Numbers of CSV: by the columns that the first line names, else by their order where one of them is a time. */
export function csvValues(texts: readonly string[], nowMs: number): readonly ReadableValue[] {
  for (const delimiter of DELIMITERS) {
    const tables = texts.map((text) => rowsOf(text, delimiter, nowMs));
    const [first] = tables[0];
    const width = first?.length ?? 0;
    if (width < 2 || width > COLUMNS_MAX || tables.some((rows) => rows.length === 0)) continue;
    if (tables.some((rows) => rows.some((row) => row.length !== width))) continue;
    const isNamed =
      first.every((name) => name !== "" && !DECIMAL_NUMBER.test(name) && !fieldNames.hasVariable(name)) &&
      new Set(first).size === width &&
      tables.every((rows) => rows.length > 1 && rows[0].join("\0") === first.join("\0"));
    const columns = isNamed ? first : first.map((_, at) => `column${at + 1}`);
    const rows = isNamed ? tables.flatMap((table) => table.slice(1)) : tables.flat();
    const values = columnValues(columns, rows, { delimiter, isNamed, nowMs });
    if (values.length > 0) return values;
  }
  return [];
}

function columnValues(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  {
    delimiter,
    isNamed,
    nowMs,
  }: { readonly delimiter: string; readonly isNamed: boolean; readonly nowMs: number },
): readonly ReadableValue[] {
  const cells = (column: string) => rows.map((row) => row[columns.indexOf(column)]);
  const isNumber = (column: string) => cells(column).every((cell) => DECIMAL_NUMBER.test(cell));
  const timeColumn = columns.find(
    (name) => (!isNamed || fieldNames.isTime(name)) && fieldNames.timeUnit(cells(name), nowMs) !== undefined,
  );
  // `1,5` may be a number with a decimal comma.
  if (!isNamed && timeColumn === undefined) return [];
  const unit = timeColumn === undefined ? undefined : fieldNames.timeUnit(cells(timeColumn), nowMs);
  const quality = columns.find((name) => fieldNames.isQuality(name));
  const labels = columns
    .filter((name) => name !== timeColumn && name !== quality && fieldNames.isLabel(name) && !isNumber(name))
    .filter((name) => cells(name).every((cell) => cell !== ""))
    .slice(0, LABELS_MAX);
  const common: Omit<CsvSpec, "value"> = {
    kind: "csv",
    delimiter,
    ...(isNamed ? {} : { columns }),
    ...(timeColumn === undefined || unit === undefined ? {} : { time: { column: timeColumn, unit } }),
    ...(quality === undefined ? {} : { quality: { column: quality } }),
    ...(labels.length === 0 ? {} : { labels: Object.fromEntries(labels.map((name) => [name, name])) }),
  };
  const values = columns.filter(
    (name) => name !== timeColumn && name !== quality && fieldNames.isMeasure(name) && isNumber(name),
  );
  return values.map((value) => ({
    name: fieldNames.isGeneric(value) && values.length === 1 ? null : value,
    unit: null,
    payload: { ...common, value },
  }));
}

function rowsOf(text: string, delimiter: string, nowMs: number): readonly (readonly string[])[] {
  const payload = new Payload(new TextEncoder().encode(text), nowMs);
  const rows = payload.csvRows(delimiter).map(({ fields }) => fields);
  return payload.failures.length > 0 ? [] : rows;
}
