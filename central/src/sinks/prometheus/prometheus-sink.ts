import type { PrometheusSinkConfig } from "@millrace/config";
import { labelText } from "@millrace/runtime";
import type { Clock, GaugeFamily, GaugeSample } from "@millrace/runtime";
import { labelsKey, windowLengths } from "@millrace/stream";
import type { MetricSpec, WindowResult, WindowSpec } from "@millrace/stream";
import type { SinkTarget, SinkWritten } from "../sink-target.ts";
import { labelNames } from "./label-names.ts";
import { WindowGauges } from "./window-gauges.ts";

export interface PrometheusSinkOptions {
  readonly config: PrometheusSinkConfig;
  /** Those that are shown. */
  readonly windows: readonly WindowSpec[];
  readonly metrics: readonly MetricSpec[];
  /** After the first agent has passed a window, how long the others are waited for. */
  readonly graceMs: number;
  readonly clock: Pick<Clock, "nowMs">;
}

/** What of the windows is shown, and what there was no room for. */
export interface PrometheusSinkView {
  readonly series: number;
  /** By window, since the start: results of groups that found no room. */
  readonly leftOut: Readonly<Record<string, number>>;
}

interface ShownWindow {
  readonly spec: WindowSpec;
  readonly gauges: WindowGauges;
  readonly labels: readonly string[];
  readonly sizeMs: number;
}

/** A result, and what it takes. */
interface Shown {
  readonly result: WindowResult;
  readonly series: number;
  readonly keptUntilMs: number;
}

/** The latest window that has ended and was judged, and the latest of all. */
interface Slots {
  ended: Shown | null;
  live: Shown | null;
}

interface Group extends Slots {
  readonly window: ShownWindow;
  readonly labels: Readonly<Record<string, string>>;
  readonly labelText: string;
}

/** What is said of a window beside its values. */
const ENDED_FACTS = 4;
const LIVE_FACTS = 1;

/**
 * The latest windows of each group as gauges, for whoever scrapes. Samples have no timestamps: their windows' ends are gauges of
 * their own, and a group that stops is gone from the page once its next window is `retention` overdue, so that Prometheus marks it
 * stale (Prometheus, Writing exporters: Scheduling; Staleness).
 */
export class PrometheusSink implements SinkTarget<WindowResult> {
  readonly name = "prometheus";
  readonly #options: PrometheusSinkOptions;
  readonly #windows: ReadonlyMap<string, ShownWindow>;
  readonly #groups = new Map<string, Group>();
  readonly #leftOut = new Map<string, number>();
  #series = 0;

  constructor(options: PrometheusSinkOptions) {
    this.#options = options;
    const metrics = new Map(options.metrics.map((metric) => [metric.name, metric]));
    this.#windows = new Map(
      options.windows.map((spec) => [
        spec.name,
        {
          spec,
          gauges: new WindowGauges(spec, metrics.get(spec.metric) ?? { unit: "1" }),
          labels: labelNames(spec.by),
          sizeMs: windowLengths(spec).sizeMs,
        },
      ]),
    );
  }

  /** What is shown lives as long as this does: a start reads it from the history. */
  async open(): Promise<{ readonly holdsAll: boolean }> {
    return { holdsAll: true };
  }

  async write(results: readonly WindowResult[]): Promise<SinkWritten> {
    let taken = 0;
    let refused = 0;
    for (const result of results) {
      const outcome = this.#take(result);
      if (outcome === "taken") taken += 1;
      if (outcome === "left_out") refused += 1;
    }
    return { taken, refused };
  }

  async prune(): Promise<{ readonly hasMore: boolean }> {
    this.#forget();
    return { hasMore: false };
  }

  close(): void {
    this.#groups.clear();
    this.#series = 0;
  }

  get view(): PrometheusSinkView {
    const names = [...this.#windows.keys()];
    const leftOut = Object.fromEntries(names.map((name) => [name, this.#leftOut.get(name) ?? 0]));
    return { series: this.#series, leftOut };
  }

  /** What a scrape now is given, in order of their names. */
  families(): GaugeFamily[] {
    this.#forget();
    const families: Families = new Map();
    for (const group of this.#groups.values()) {
      if (group.ended !== null) addEnded(families, group, group.ended.result);
      if (group.live !== null) addLive(families, group, group.live.result);
    }
    return [...families]
      .map(([name, family]) => ({ name, ...family }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  #take(result: WindowResult): "taken" | "stale" | "left_out" {
    const window = this.#windows.get(result.window);
    if (window === undefined) return "stale";
    const key = `${result.window} ${labelsKey(result.group)}`;
    const group = this.#groups.get(key) ?? newGroup(result, window);
    if (result.mergedIntoMs !== undefined) return this.#drop(group, result);
    const isEnded = this.#isJudged(result) && isLater(result, group.ended);
    const isLive = this.#options.config.hasProvisional && isLater(result, group.live);
    if (!isEnded && !isLive) return "stale";
    const next = {
      ended: isEnded ? this.#shown(result, window, ENDED_FACTS, window.sizeMs) : null,
      live: isLive ? this.#shown(result, window, LIVE_FACTS, 0) : null,
    };
    if (!this.#hasRoom(group, next)) {
      this.#leftOut.set(result.window, (this.#leftOut.get(result.window) ?? 0) + 1);
      return "left_out";
    }
    this.#series += gainOf(group, next);
    group.ended = next.ended ?? group.ended;
    group.live = next.live ?? group.live;
    this.#groups.set(key, group);
    return "taken";
  }

  /** A session that has merged into another is none any more. */
  #drop(group: Group, { startMs }: WindowResult): "taken" | "stale" {
    let isShown = false;
    for (const slot of ["ended", "live"] as const) {
      const shown = group[slot];
      if (shown?.result.startMs !== startMs) continue;
      this.#series -= seriesOf(shown);
      group[slot] = null;
      isShown = true;
    }
    return isShown ? "taken" : "stale";
  }

  /** Complete; or some are missing still, though the others have passed and the grace is over. */
  #isJudged({ state, endMs, updatedAtMs, completeness }: WindowResult): boolean {
    if (state !== "provisional") return true;
    return completeness.agentsReporting > 0 && updatedAtMs >= endMs + this.#options.graceMs;
  }

  /** Forgets what has stopped, where that makes room; the group's own may be among it. */
  #hasRoom(group: Slots, next: Slots): boolean {
    if (this.#fits(gainOf(group, next))) return true;
    this.#forget();
    return this.#fits(gainOf(group, next));
  }

  #fits(gained: number): boolean {
    return gained <= 0 || this.#series + gained <= this.#options.config.seriesMax;
  }

  #forget(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [key, group] of this.#groups) {
      for (const slot of ["ended", "live"] as const) {
        const shown = group[slot];
        if (shown === null || shown.keptUntilMs >= nowMs) continue;
        this.#series -= seriesOf(shown);
        group[slot] = null;
      }
      if (group.ended === null && group.live === null) this.#groups.delete(key);
    }
  }

  /** @param waitMs after its end, until the next one should have ended */
  #shown(result: WindowResult, { gauges }: ShownWindow, facts: number, waitMs: number): Shown {
    const values = Object.keys(result.values).filter((name) => gauges.of(name) !== null);
    const keptUntilMs = result.endMs + waitMs + this.#options.config.retentionMs;
    return { result, series: values.length + facts, keptUntilMs };
  }
}

type Families = Map<string, { readonly help: string; readonly samples: GaugeSample[] }>;

function addEnded(families: Families, group: Group, result: WindowResult): void {
  const which = "the latest window that every expected agent has passed, or that was judged without some";
  const { endMs, revision, completeness } = result;
  const { agentsExpected, agentsMissing } = completeness;
  addValues(families, group, { result, prefix: "millrace_window", which });
  const add = (name: string, help: string, value: number) =>
    addSample(families, `millrace_window_${name}`, help, { labels: group.labelText, value });
  add("end_timestamp_seconds", `End of ${which}.`, endMs / 1_000);
  add("agents_expected", `Agents (of records: partitions) expected in ${which}.`, agentsExpected);
  const missing = `Of the agents expected in ${which}, those that have not passed it or have lost some of it.`;
  add("agents_missing", missing, agentsMissing.length);
  add("revision", `Number of the result of ${which}; it grows as late data comes.`, revision);
}

function addLive(families: Families, group: Group, result: WindowResult): void {
  const which = "the latest window, as far as it has come";
  addValues(families, group, { result, prefix: "millrace_live_window", which });
  const sample = { labels: group.labelText, value: result.endMs / 1_000 };
  addSample(families, "millrace_live_window_end_timestamp_seconds", `End of ${which}.`, sample);
}

function addValues(
  families: Families,
  group: Group,
  {
    result,
    prefix,
    which,
  }: { readonly result: WindowResult; readonly prefix: string; readonly which: string },
): void {
  for (const [key, value] of Object.entries(result.values)) {
    const gauge = group.window.gauges.of(key);
    if (gauge === null) continue;
    const { name, help, bound, toBase } = gauge;
    const labels = bound === null ? group.labelText : labelText({ ...group.labels, bound });
    addSample(families, `${prefix}_${name}`, `${help}: of ${which}.`, { labels, value: toBase(value) });
  }
}

function addSample(families: Families, name: string, help: string, sample: GaugeSample): void {
  const family = families.get(name) ?? { help, samples: [] };
  family.samples.push(sample);
  families.set(name, family);
}

function newGroup({ group }: WindowResult, window: ShownWindow): Group {
  const { spec, labels: names } = window;
  const named = spec.by.map((label, index) => [names[index], group[label] ?? ""]);
  const labels: Record<string, string> = { window: spec.name, ...Object.fromEntries(named) };
  return { window, labels, labelText: labelText(labels), ended: null, live: null };
}

/** A later window of its group, or another revision of the same. */
function isLater({ startMs, revision }: WindowResult, shown: Shown | null): boolean {
  if (shown === null) return true;
  const { result } = shown;
  return startMs > result.startMs || (startMs === result.startMs && revision >= result.revision);
}

/** What more is shown where these take the place of the group's; null: it keeps its own. */
function gainOf(group: Slots, { ended, live }: Slots): number {
  const ofEnded = ended === null ? 0 : ended.series - seriesOf(group.ended);
  const ofLive = live === null ? 0 : live.series - seriesOf(group.live);
  return ofEnded + ofLive;
}

function seriesOf(shown: Shown | null): number {
  return shown?.series ?? 0;
}
