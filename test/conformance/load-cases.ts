import { globSync } from "node:fs";
import path from "node:path";
import { ConfigError, loadPipeline, type Pipeline } from "@millrace/config";
import { ConfigReader } from "../../packages/config/src/config-reader.ts";
import { momentMs } from "./case-moment.ts";
import { type CaseEntry, type CaseFile, caseFileSchema, type CaseSeen, type FATES } from "./case-schema.ts";

export interface CaseAgent {
  readonly name: string;
  readonly site: string;
  readonly joinsMs: number;
  readonly retiresMs: number | null;
  readonly down: readonly { readonly fromMs: number; readonly toMs: number }[];
  readonly backlogPerSecond: number;
  readonly batchDelayMs: number;
  readonly repeatsBatches: boolean;
  readonly losesBacklogAtMs: readonly number[];
  readonly clock: readonly ClockError[];
  /** What it accumulates; an agent may know less than central. */
  readonly metrics: Pipeline["metrics"];
}

/** From then on a clock is so far ahead. */
export interface ClockError {
  readonly fromMs: number;
  readonly aheadMs: number;
}

export interface CaseReading {
  readonly atMs: number;
  readonly agent: string;
  readonly timeMs: number;
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As the sensor sends it. */
  readonly payload: string;
  readonly quality: "good" | "uncertain" | "bad";
  readonly fate: (typeof FATES)[number];
  /** Windows that do not take it, where others do: all of that name, or the one with this start. */
  readonly tooLateFor: readonly { readonly window: string; readonly startMs: number | null }[];
}

export interface ExpectedRevision extends CaseSeen {
  readonly atMs?: number;
}

export interface CaseExpectation extends CaseSeen {
  /** `file:line:column`. */
  readonly place: string;
  readonly window: string;
  readonly startMs: number;
  readonly group: Readonly<Record<string, string>>;
  readonly atMs: number | null;
  readonly isAbsent: boolean;
  readonly revision: number | undefined;
  readonly mergedIntoMs: number | undefined;
  readonly revisions: readonly ExpectedRevision[] | undefined;
}

/** Windows of every so many good readings of a series, at its agent, in order of arrival. */
export interface CountWindowSpec {
  readonly name: string;
  readonly metric: string;
  readonly size: number;
}

/** A count window that is full. */
export interface ExpectedFullWindow extends Pick<CaseSeen, "values" | "uncertain" | "bad"> {
  /** `file:line:column`. */
  readonly place: string;
  readonly window: string;
  readonly agent: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly number: number;
  readonly atMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** One case of the contract: what happens in the world, and what is to be seen of it. */
export interface ConformanceCase {
  readonly name: string;
  readonly dateMs: number;
  readonly beginsMs: number;
  readonly endsMs: number;
  readonly stepMs: number;
  readonly metrics: Pipeline["metrics"];
  readonly windows: Pipeline["windows"];
  readonly countWindows: readonly CountWindowSpec[];
  readonly agents: readonly CaseAgent[];
  readonly limits: {
    readonly outOfOrdernessMs: number;
    readonly idleTimeoutMs: number;
    readonly maxFutureMs: number;
    readonly clockFloorMs: number;
    readonly dedupeHorizonMs: number;
  };
  readonly graceMs: number;
  readonly centralClock: readonly ClockError[];
  /** In order of arrival. */
  readonly readings: readonly CaseReading[];
  readonly expect: readonly CaseExpectation[];
  /** All there are, in the order in which they became full. */
  readonly full: readonly ExpectedFullWindow[];
}

export interface LoadedCases {
  readonly topic: string;
  readonly cases: readonly ConformanceCase[];
}

const DATE = "2026-03-02";
/** Long enough for whoever says nothing to be idle when the first reading comes. */
const QUIET_MS = 40_000;

export const casesFolder = path.join(import.meta.dirname, "cases");

export function caseFiles(): string[] {
  return globSync("*.yaml", { cwd: casesFolder }).toSorted();
}

/** Throws a `ConfigError` with file:line:column of everything that is wrong. */
export function loadCases(file: string, readFile?: (path: string) => string): LoadedCases {
  const shown = path.relative(process.cwd(), path.join(casesFolder, file));
  const reader = new ConfigReader(shown, { env: {}, ...(readFile === undefined ? {} : { readFile }) });
  const parsed = reader.parse(caseFileSchema, reader.source.toValue());
  if (parsed === undefined) return reader.refuse();
  const names = parsed.cases.map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) !== index)
      reader.problem(["cases", index, "name"], `two cases are named ${name}; rename one`);
  }
  const cases = parsed.cases.map((entry, index) => toCase({ reader, file: parsed, entry, index }));
  reader.finish();
  return { topic: parsed.topic, cases };
}

interface CasePlace {
  readonly reader: ConfigReader;
  readonly file: CaseFile;
  readonly entry: CaseEntry;
  readonly index: number;
}

function toCase({ reader, file, entry, index }: CasePlace): ConformanceCase {
  const where = ["cases", index];
  const world = { ...file, ...entry };
  const dateMs = Date.parse(`${world.date ?? DATE}T00:00:00Z`);
  const stepMs = world.step ?? 250;
  const ms = (moment: string | number) => momentMs(moment, dateMs) ?? Number.NaN;
  const clockOf = (errors: readonly (readonly [string | number, number])[]) =>
    errors.map(([from, aheadMs]) => ({ fromMs: ms(from), aheadMs }));
  const pipeline = pipelineOf({ reader, file, entry, index });
  const agentEntries = Object.entries(world.agents ?? {});
  const known = (given: string | undefined, all: readonly string[], place: readonly PropertyKey[]) => {
    const found = given ?? (all.length === 1 ? all[0] : undefined);
    if (found === undefined || !all.includes(found)) {
      const problem = found === undefined ? "must be named: there are several" : `names no ${found}`;
      reader.problem([...where, ...place], `${String(place.at(-1))} ${problem}; there are ${all.join(", ")}`);
    }
    return found ?? all[0];
  };
  const agentNames = agentEntries.map(([name]) => name);
  const metricNames = pipeline.metrics.map(({ name }) => name);
  const windowNames = pipeline.windows.map(({ name }) => name);
  const countWindows = Object.entries(world.countWindows ?? {}).map(([name, { metric, size }]) => ({
    name,
    metric: known(metric, metricNames, ["countWindows", name, "metric"]),
    size,
  }));
  const readings = entry.readings.map((reading, at): CaseReading => ({
    atMs: ms(reading.at),
    agent: known(reading.agent, agentNames, ["readings", at, "agent"]),
    timeMs: ms(reading.time ?? reading.at),
    metric: known(reading.metric, metricNames, ["readings", at, "metric"]),
    labels: reading.labels ?? {},
    payload: Object.is(reading.value, -0) ? "-0" : String(reading.value),
    quality: reading.quality,
    fate: reading.fate,
    tooLateFor: reading.tooLateFor.map((text) => {
      const [window, start] = text.split("@");
      return { window, startMs: start === undefined ? null : ms(start) };
    }),
  }));
  for (const [at, { atMs }] of readings.entries()) {
    if (at > 0 && atMs < readings[at - 1].atMs)
      reader.problem([...where, "readings", at, "at"], "readings stand in order of arrival");
  }
  const limits = world.limits;
  return {
    name: entry.name,
    dateMs,
    beginsMs:
      entry.begins === undefined
        ? Math.floor(((readings.at(0)?.atMs ?? dateMs) - QUIET_MS) / stepMs) * stepMs
        : ms(entry.begins),
    endsMs: ms(entry.ends),
    stepMs,
    metrics: pipeline.metrics,
    windows: pipeline.windows,
    countWindows,
    agents: agentEntries.map(([name, agent]): CaseAgent => ({
      name,
      site: agent.site ?? name,
      joinsMs: agent.joins === undefined ? -Infinity : ms(agent.joins),
      retiresMs: agent.retires === undefined ? null : ms(agent.retires),
      down: agent.down.map(([from, to]) => ({ fromMs: ms(from), toMs: ms(to) })),
      backlogPerSecond: agent.backlogPerSecond,
      batchDelayMs: agent.batchDelay,
      repeatsBatches: agent.repeatsBatches,
      losesBacklogAtMs: agent.losesBacklog.map(ms),
      clock: clockOf(agent.clock),
      metrics: pipeline.metrics.map((metric) => ({
        ...metric,
        accumulate: agent.accumulate[metric.name] ?? metric.accumulate,
      })),
    })),
    limits: {
      outOfOrdernessMs: limits?.outOfOrderness ?? 5_000,
      idleTimeoutMs: limits?.idleTimeout ?? 30_000,
      maxFutureMs: limits?.maxFuture ?? 5_000,
      clockFloorMs: ms(limits?.clockFloor ?? "2024-01-01T00:00:00Z"),
      dedupeHorizonMs: limits?.dedupeHorizon ?? 600_000,
    },
    graceMs: world.central?.grace ?? 2_000,
    centralClock: clockOf(world.central?.clock ?? []),
    readings,
    expect: entry.expect.map((expected, at): CaseExpectation => {
      const problem = reader.source.problemAt([...where, "expect", at], "");
      const { window, start, group, at: moment, absent, revision, mergedInto, revisions, ...seen } = expected;
      return {
        ...seen,
        place: `${problem.path}:${problem.line}:${problem.column}`,
        window: known(window, windowNames, ["expect", at, "window"]),
        startMs: ms(start),
        group,
        atMs: moment === undefined ? null : ms(moment),
        isAbsent: absent,
        revision,
        mergedIntoMs: mergedInto === undefined ? undefined : ms(mergedInto),
        revisions: revisions?.map(({ at: shownAt, ...own }) => ({
          ...own,
          ...(shownAt === undefined ? {} : { atMs: ms(shownAt) }),
        })),
      };
    }),
    full: entry.full.map((expected, at): ExpectedFullWindow => {
      const problem = reader.source.problemAt([...where, "full", at], "");
      const names = countWindows.map(({ name }) => name);
      return {
        place: `${problem.path}:${problem.line}:${problem.column}`,
        window: known(expected.window, names, ["full", at, "window"]),
        agent: known(expected.agent, agentNames, ["full", at, "agent"]),
        labels: expected.labels,
        number: expected.number,
        atMs: ms(expected.at),
        firstMs: ms(expected.first),
        lastMs: ms(expected.last),
        values: expected.values,
        uncertain: expected.uncertain,
        bad: expected.bad,
      };
    }),
  };
}

/** Metrics and windows go through the pipeline file's own loader: what it refuses is no case. */
function pipelineOf({ reader, file, entry, index }: CasePlace): Pipeline {
  const metrics = entry.metrics ?? file.metrics ?? {};
  const windows = entry.windows ?? file.windows ?? {};
  const labels = new Set(entry.readings.flatMap((reading) => Object.keys(reading.labels ?? {})));
  for (const expected of entry.expect) for (const label of Object.keys(expected.group)) labels.add(label);
  const topic = (metric: string) => [metric, ...Array.from(labels, (label) => `{${label}}`)].join("/");
  const from = (metric: string) => ({
    topic: topic(metric),
    json: { value: "$.value", time: { path: "$.time", unit: "ms" } },
  });
  // JSON is YAML.
  const text = JSON.stringify({
    version: 1,
    metrics: Object.fromEntries(
      Object.entries(metrics).map(([name, metric]) => [
        name,
        { unit: "1", from: from(name), ...(typeof metric === "object" ? metric : {}) },
      ]),
    ),
    windows,
  });
  try {
    return loadPipeline("pipeline.yaml", { readFile: () => text }).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const isOwn = entry.windows !== undefined || entry.metrics !== undefined;
    const place = isOwn
      ? ["cases", index, entry.windows === undefined ? "metrics" : "windows"]
      : [file.windows === undefined ? "cases" : "windows"];
    for (const { message } of error.problems) reader.problem(place, message, "key");
    return reader.refuse();
  }
}
