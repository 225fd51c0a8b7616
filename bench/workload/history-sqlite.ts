import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import { HISTORY_LEVELS } from "@millrace/stream";
import { bucketAt, KEPT_MS, machineOf, YEAR_END_MS } from "./history-year.ts";

const ROWS_IN_TRANSACTION = 100_000;

/** The same buckets in SQLite: a table for each level, clustered by series and time. */
export class HistorySqlite {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string, seriesCount: number) {
    this.#database = new DatabaseSync(path);
    // As fast as it goes: the peer is to be measured reading.
    this.#database.exec("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-262144;");
    for (const { name, bucketMs } of HISTORY_LEVELS) {
      const table = `level_${name}`;
      this.#database.exec(
        `CREATE TABLE ${table} (series TEXT, start INTEGER, count REAL, sum REAL, min REAL, max REAL, PRIMARY KEY (series, start)) WITHOUT ROWID`,
      );
      const insert = this.#database.prepare(`INSERT INTO ${table} VALUES (?, ?, ?, ?, ?, ?)`);
      this.#database.exec("BEGIN");
      let rows = 0;
      for (let series = 0; series < seriesCount; series++) {
        const machine = machineOf(series);
        for (let startMs = YEAR_END_MS - KEPT_MS[name]; startMs < YEAR_END_MS; startMs += bucketMs) {
          const { count, sum, min, max } = bucketAt(series, startMs, bucketMs);
          insert.run(machine, BigInt(startMs), count, sum, min, max);
          if (++rows % ROWS_IN_TRANSACTION === 0) this.#database.exec("COMMIT; BEGIN");
        }
      }
      this.#database.exec("COMMIT");
    }
  }

  /** Points of one series, or of all where it is null, of steps that are whole buckets of the level. */
  points(query: {
    readonly level: string;
    readonly machine: string | null;
    readonly fromMs: number;
    readonly toMs: number;
    readonly stepMs: number;
  }): readonly object[] {
    const { level, machine, fromMs, toMs, stepMs } = query;
    const of = machine === null ? "" : "series = :machine AND";
    const sql = `SELECT series, start / :step * :step AS step, sum(count) AS count, min(min) AS min, max(max) AS max, sum(sum) AS sum, sum(sum) / sum(count) AS mean
      FROM level_${level} WHERE ${of} start >= :from AND start < :to GROUP BY series, step ORDER BY series, step`;
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    // Whole numbers: as floats they would not divide to whole steps.
    const range = { ":from": BigInt(fromMs), ":to": BigInt(toMs), ":step": BigInt(stepMs) };
    return statement.all(machine === null ? range : { ...range, ":machine": machine });
  }

  close(): void {
    this.#database.close();
  }
}
