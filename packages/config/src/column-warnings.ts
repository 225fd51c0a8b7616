import { orNearest } from "@millrace/runtime";
import type { JsonPath } from "@millrace/wire";
import type { CentralConfig } from "./central-config.ts";
import type { Loaded } from "./load.ts";
import { ofTable } from "./of-table.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Problem } from "./problem.ts";
import { recordPaths } from "./record-paths.ts";

/** What of Debezium's event stands around a row (ChangeReader has taken it off). */
const AROUND: readonly unknown[] = ["payload", "after", "before"];

/**
 * What is doubtful about a table's columns: some that central.yaml describes and no metric reads, and paths that begin at the event
 * around the row.
 */
export function columnWarnings(central: Loaded<CentralConfig>, pipeline: Loaded<Pipeline>): Problem[] {
  return central.config.records.flatMap(({ name: stream, debezium }) => {
    if (debezium === undefined) return [];
    const sources = pipeline.config.metrics.flatMap(({ name, source }) =>
      source.kind === "records" && source.stream === stream ? [{ name, source }] : [],
    );
    const paths = sources.flatMap(({ name, source }) =>
      recordPaths(source).map(({ at, path }) => ({ at: ["metrics", name, "from", "json", ...at], path })),
    );
    const columns = [...new Set(paths.map(({ path }) => columnOf(path)))];
    // Of a stream that nobody reads that is said.
    if (columns.length === 0) return [];
    const timeColumn = columnOf(sources[0].source.time.path);
    const place = ["records", stream, "debezium"];
    const unread = (at: readonly (string | number)[], column: string): Problem =>
      central.problemAt(
        [...place, ...at],
        `no metric reads column ${column} of records ${stream}; ${orNearest(column, columns)}`,
      );
    const ofDecimals = [...debezium.decimals.keys()]
      .filter((column) => !columns.includes(column))
      .map((column) => unread(["decimals", column], column));
    const ofDates = [...debezium.dates].flatMap((column, index) => {
      if (!columns.includes(column)) return [unread(["dates", index], column)];
      if (column === timeColumn) return [];
      const message = `dates is for the column of the event time, ${timeColumn}; ${column} is read as it comes`;
      return [central.problemAt([...place, "dates", index], message)];
    });
    const ofPaths = paths
      .filter(({ path }) => String(path[0]) !== columnOf(path))
      .map(({ at, path }) =>
        pipeline.problemAt(
          at,
          `${ofTable(stream)}, whose paths begin at the row: ${path[0]} would be one of its columns; begin with ${columnOf(path)}`,
        ),
      );
    return [...ofDecimals, ...ofDates, ...ofPaths];
  });
}

/** The column that is meant. No column but a list has something inside that is read. */
function columnOf(path: JsonPath): string {
  const [first, second] = path;
  return AROUND.includes(first) && typeof second === "string" ? columnOf(path.slice(1)) : String(first ?? "");
}
