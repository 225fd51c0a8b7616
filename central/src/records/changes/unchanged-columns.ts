import type { JsonPath, RecordSpec, Row } from "@millrace/wire";
import type { RowContribution } from "./kept-row.ts";

/** Reads as a text and as a number. */
const PLACEHOLDER = "0";

/**
 * An update says of a great value that it left alone only that it did (PostgreSQL's TOAST): what the row said before stands. Of
 * that there is what it brought to each metric, so the row is read with something else in the column, and that is put back.
 */
export class UnchangedColumns {
  readonly #measures: RecordSpec["measures"];

  constructor(measures: RecordSpec["measures"]) {
    this.#measures = measures;
  }

  /** The row, so that it can be read. */
  fill(row: Row, unchanged: readonly string[]): Row {
    const filled: Record<string, unknown> = { ...row };
    for (const column of unchanged) filled[column] = PLACEHOLDER;
    for (const { path, map } of this.#measures) {
      const column = columnOf(path);
      if (map !== null && unchanged.includes(column)) filled[column] = meaningful(map) ?? null;
    }
    return filled;
  }

  /** What the filled row says, with what was known of it in place of what it was filled with; null: that is not known. */
  complete(
    contribution: RowContribution,
    unchanged: readonly string[],
    known: RowContribution,
  ): RowContribution | null {
    const texts = this.#labelsOf(known);
    const measures: Record<string, RowContribution["measures"][string]> = {};
    for (const { metric, path, labels } of this.#measures) {
      const now = contribution.measures[metric];
      const before = known.measures[metric];
      const value = unchanged.includes(columnOf(path)) ? before?.value : now?.value;
      if (now === undefined || value === undefined) continue;
      const own: Record<string, string> = { ...now.labels };
      for (const label of labels) {
        if (!("path" in label) || !unchanged.includes(columnOf(label.path))) continue;
        const text = texts.get(columnOf(label.path));
        if (text === undefined) return null;
        own[label.name] = text;
      }
      measures[metric] = { value, labels: own };
    }
    return { ...contribution, measures };
  }

  /** By column. */
  #labelsOf({ measures }: RowContribution): Map<string, string> {
    const texts = new Map<string, string>();
    for (const { metric, labels } of this.#measures)
      for (const label of labels) {
        const text = measures[metric]?.labels[label.name];
        if ("path" in label && text !== undefined) texts.set(columnOf(label.path), text);
      }
    return texts;
  }
}

function columnOf(path: JsonPath): string {
  return String(path[0] ?? "");
}

function meaningful(map: ReadonlyMap<string, number | null>): string | undefined {
  for (const [text, number] of map) if (number !== null) return text;
  return undefined;
}
