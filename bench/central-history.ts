import { join } from "node:path";
import { SeededRandom } from "@millrace/testkit";
import { seriesAnswer } from "../central/src/api/series-answer.ts";
import type { SeriesColumns } from "../central/src/history/series-page.ts";
import type { Bench } from "./bench.ts";
import { median, percentile, rounded } from "./measure/statistics.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { HistorySqlite } from "./workload/history-sqlite.ts";
import { HistoryStore } from "./workload/history-store.ts";
import { machineOf, YEAR_END_MS } from "./workload/history-year.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const WARM_ROUNDS = 3;
const VALUES = ["count", "min", "max", "mean", "sum"];

/** What a person looks at. `null`: all series together, else one by chance. */
const LOOKS = {
  yearOfOne: { spanMs: 365 * DAY_MS, backMs: 0, level: "1h", stepMs: 12 * HOUR_MS, isAll: false },
  monthOfOne: { spanMs: 30 * DAY_MS, backMs: 335 * DAY_MS, level: "1h", stepMs: HOUR_MS, isAll: false },
  dayOfOne: { spanMs: DAY_MS, backMs: DAY_MS, level: "1m", stepMs: 2 * MINUTE_MS, isAll: false },
  hourOfOne: { spanMs: HOUR_MS, backMs: 0, level: "1s", stepMs: 5 * SECOND_MS, isAll: false },
  yearOfAll: { spanMs: 365 * DAY_MS, backMs: 0, level: "1d", stepMs: 7 * DAY_MS, isAll: true },
} as const;

type LookName = keyof typeof LOOKS;
const NAMES = Object.keys(LOOKS).filter((name): name is LookName => name in LOOKS);

interface Query {
  readonly level: string;
  readonly machine: string | null;
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/** Zooming in and out of a year of history. */
export const centralHistory: Bench = {
  name: "central-history",
  summary:
    "ms for a query over a year of 1,000 series, its answer as JSON, p99 over all kinds, beside the same rows and queries in SQLite",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const seriesCount = isQuick ? 50 : 1_000;
      const rounds = isQuick ? 20 : 60;
      say(`a year of ${seriesCount} series at five levels`);
      const store = await HistoryStore.fill(join(folder, "store"), seriesCount);
      say("the same in SQLite");
      const sqlite = new HistorySqlite(join(folder, "history.sqlite"), seriesCount);
      const random = new SeededRandom(1);
      const ours: Record<LookName, number[]> = emptyTimes();
      const ourCpu: Record<LookName, number[]> = emptyTimes();
      const theirs: Record<LookName, number[]> = emptyTimes();
      say("queries");
      try {
        // All of ours first: what the peer's rows leave behind would be collected in the middle of our answers.
        const queries = Array.from({ length: rounds }, () =>
          NAMES.map((name) => [name, queryOf(name, random, seriesCount)] as const),
        );
        // A process that has just begun compiles what the first ones run.
        for (const [, query] of queries.slice(0, WARM_ROUNDS).flat()) await ourAnswer(store, query);
        for (const [name, query] of queries.flat()) {
          const cpuFrom = process.cpuUsage();
          ours[name].push(await timed(() => ourAnswer(store, query)));
          const { user, system } = process.cpuUsage(cpuFrom);
          ourCpu[name].push((user + system) / 1_000);
        }
        for (const [name, query] of queries.flat())
          theirs[name].push(await timed(async () => JSON.stringify(sqlite.points(query))));
        for (const [, query] of queries[0]) expectSame(query, await ourAnswer(store, query), sqlite);
      } finally {
        await store.close();
        sqlite.close();
      }
      const p99 = (times: readonly number[]) => rounded(percentile(times, 0.99));
      const further = NAMES.flatMap((name) => [
        [`${name}P99Ms`, p99(ours[name])],
        [`${name}CpuMs`, rounded(median(ourCpu[name]))],
        [`${name}SqliteP99Ms`, p99(theirs[name])],
      ]);
      return {
        value: p99(NAMES.flatMap((name) => ours[name])),
        unit: "ms",
        better: "lower",
        peer: { name: "SQLite (node:sqlite)", value: p99(NAMES.flatMap((name) => theirs[name])) },
        further: Object.fromEntries(further),
      };
    }),
};

function emptyTimes(): Record<LookName, number[]> {
  return { yearOfOne: [], monthOfOne: [], dayOfOne: [], hourOfOne: [], yearOfAll: [] };
}

/** Somewhere within what is kept, of one series by chance. */
function queryOf(name: LookName, random: SeededRandom, seriesCount: number): Query {
  const { spanMs, backMs, level, stepMs, isAll } = LOOKS[name];
  const lastMs = Math.floor(YEAR_END_MS / stepMs) * stepMs;
  const toMs = lastMs - Math.floor((random.next() * backMs) / stepMs) * stepMs;
  const machine = isAll ? null : machineOf(random.integer(0, seriesCount - 1));
  return { level, machine, fromMs: Math.ceil((toMs - spanMs) / stepMs) * stepMs, toMs, stepMs };
}

/** As the API sends it. */
async function ourAnswer({ reader }: HistoryStore, query: Query): Promise<readonly Uint8Array[]> {
  const { machine, fromMs, toMs, stepMs } = query;
  const group: Record<string, string> = machine === null ? {} : { machine };
  const asked = { metric: "temperature", by: null, group, fromMs, toMs, stepMs, maxPoints: 1_000 };
  const page = await reader.page({ ...asked, values: VALUES, limit: 10_000, cursor: null });
  if ("reason" in page) throw new Error(`cannot measure: ${page.detail}`);
  return (await seriesAnswer(page)).slices;
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await run();
  return performance.now() - startMs;
}

/** A benchmark of wrong answers measures nothing. */
function expectSame(query: Query, answer: readonly Uint8Array[], sqlite: HistorySqlite): void {
  const page: { level: string; series: SeriesColumns[] } = JSON.parse(Buffer.concat(answer).toString());
  const rows = sqlite.points(query);
  // SQLite has no sites: its series come in order of the machine.
  const byMachine = page.series.toSorted((a, b) => (a.labels["machine"] < b.labels["machine"] ? -1 : 1));
  const points = byMachine.flatMap(({ startMs, values }) =>
    startMs.map((step, index) => ({ step, max: values["max"][index], count: values["count"][index] })),
  );
  if (page.level !== query.level) throw new Error(`level ${page.level} answered instead of ${query.level}`);
  if (points.length !== rows.length) throw new Error(`${points.length} points, SQLite has ${rows.length}`);
  for (const [index, row] of rows.entries())
    if (
      !("max" in row) ||
      !("count" in row) ||
      row.max !== points[index].max ||
      row.count !== points[index].count
    )
      throw new Error(`point ${JSON.stringify(points[index])}, SQLite has ${JSON.stringify(row)}`);
}
