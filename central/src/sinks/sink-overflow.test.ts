// More than may wait for a sink, again and again: what it lacks is read from the history, and with a target that takes more than is
// published that comes to an end, whatever happens meanwhile. Simulated time, the real runner and stream.
import { MemoryLogger, MillraceError } from "@millrace/runtime";
import { labelsKey } from "@millrace/stream";
import type { WindowResult, WindowSpec } from "@millrace/stream";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import type { WindowPage, WindowQuery } from "../api/central-reader.ts";
import { SinkRunner } from "./sink-runner.ts";
import type { SinkWritten } from "./sink-target.ts";
import { WindowStream } from "./window-stream.ts";

const START_MS = Date.parse("2026-01-05T10:00:00Z");
const TICK_MS = 250;
const MINUTE_MS = 60_000;

const SPECS: readonly WindowSpec[] = ["orders_1m", "users_1m"].map((name) => ({
  name,
  metric: "orders",
  kind: "aligned",
  sizeMs: MINUTE_MS,
  slideMs: MINUTE_MS,
  offsetMs: 0,
  by: ["user"],
  latenessMs: 7 * 86_400_000,
}));

const COMPLETENESS = {
  agentsExpected: 1,
  agentsReporting: 1,
  agentsMissing: [],
  sitesExpected: 1,
  sitesReporting: 1,
  sitesMissing: [],
};

function keyOf({ window, startMs, group }: WindowResult): string {
  return `${window} ${startMs} ${labelsKey(group)}`;
}

/** As central keeps them: by window and start, the newest read first where that is asked for. */
class History {
  /** By window and start, ascending by start. */
  readonly #starts = new Map<string, Map<number, WindowResult[]>>();
  readonly #places = new Map<string, { readonly of: WindowResult[]; readonly index: number }>();

  put(result: WindowResult): void {
    const key = keyOf(result);
    const known = this.#places.get(key);
    if (known !== undefined) known.of[known.index] = result;
    else {
      const starts = this.#starts.get(result.window) ?? new Map<number, WindowResult[]>();
      this.#starts.set(result.window, starts);
      const of = starts.get(result.startMs) ?? [];
      starts.set(result.startMs, of);
      this.#places.set(key, { of, index: of.push(result) - 1 });
    }
  }

  latest(key: string): WindowResult | undefined {
    const place = this.#places.get(key);
    return place?.of[place.index];
  }

  /** Those of which a target has not the latest. */
  lackingAt({ held }: Target): string[] {
    return [...this.#places]
      .filter(([key, { of, index }]) => held.get(key)?.revision !== of[index].revision)
      .map(([key]) => key);
  }

  get size(): number {
    return this.#places.size;
  }

  /** A cursor is a start and how many of it were read, counted from the oldest that came of it. */
  page({ window, fromMs, limit, cursor, isNewestFirst = false }: WindowQuery): WindowPage {
    const starts = this.#starts.get(window) ?? new Map<number, WindowResult[]>();
    const order = [...starts.keys()].filter((startMs) => startMs >= fromMs).toSorted((a, b) => a - b);
    if (isNewestFirst) order.reverse();
    const [atMs, done] = cursor === null ? [order[0] ?? 0, 0] : cursor.split("/").map(Number);
    const windows: WindowResult[] = [];
    for (const startMs of order) {
      const isPassed = isNewestFirst ? startMs > atMs : startMs < atMs;
      if (isPassed) continue;
      const of = starts.get(startMs) ?? [];
      const from = startMs === atMs ? done : 0;
      for (let index = from; index < of.length; index += 1) {
        windows.push(of[index]);
        if (windows.length === limit) return { windows, cursor: `${startMs}/${index + 1}` };
      }
    }
    return { windows, cursor: null };
  }
}

/** Takes so many a second, keeps the latest, and knows the order in which it was given them. */
class Target {
  perS = 1;
  isAway = false;
  holdsAll = true;
  generation = 0;
  written = 0;
  /** Of the write at hand it takes half. */
  takesHalf = false;
  readonly held = new Map<string, { readonly generation: number; readonly revision: number }>();
  /** Revisions that came after a later one of the same start of central. */
  backwards = 0;
  readonly #time: SimulatedTime;

  constructor(time: SimulatedTime) {
    this.#time = time;
  }

  of(generation: number) {
    return {
      name: "redis",
      open: async () => {
        this.#look(generation);
        const { holdsAll } = this;
        this.holdsAll = true;
        return { holdsAll };
      },
      write: async (results: readonly WindowResult[]) => this.#write(results, generation),
      close: () => {},
    };
  }

  async #write(results: readonly WindowResult[], generation: number): Promise<SinkWritten<WindowResult>> {
    this.#look(generation);
    if (!this.holdsAll) throw new MillraceError("redis_emptied", { url: "redis://r" });
    const done = Promise.withResolvers<void>();
    this.#time.after((results.length * 1_000) / this.perS, done.resolve);
    await done.promise;
    this.#look(generation);
    if (!this.holdsAll) throw new MillraceError("redis_emptied", { url: "redis://r" });
    const taken = this.takesHalf ? results.slice(0, results.length / 2) : results;
    this.takesHalf = false;
    for (const result of taken) {
      const key = keyOf(result);
      const held = this.held.get(key);
      if (held?.generation === generation && held.revision > result.revision) this.backwards += 1;
      this.held.set(key, { generation, revision: result.revision });
    }
    this.written += taken.length;
    if (taken.length === results.length) return { taken: taken.length };
    const why = new MillraceError("redis_unreachable", { url: "redis://r", reason: "gone" });
    return { taken: taken.length, left: { items: results.slice(taken.length), why } };
  }

  #look(generation: number): void {
    if (this.isAway) throw new MillraceError("redis_unreachable", { url: "redis://r", reason: "gone" });
    if (generation !== this.generation) throw new Error("another start of central writes here");
  }
}

/** Central, which publishes to one sink, and can be killed. */
class Plant {
  readonly time = new SimulatedTime(START_MS);
  readonly target = new Target(this.time);
  readonly history = new History();
  readonly log = new MemoryLogger();
  readonly waitingMax: number;
  readonly hasMark: boolean;
  published = 0;
  markMs: number | null = null;
  #runner: SinkRunner<WindowResult> | null = null;

  constructor({ waitingMax, hasMark }: { readonly waitingMax: number; readonly hasMark: boolean }) {
    this.waitingMax = waitingMax;
    this.hasMark = hasMark;
  }

  get runner(): SinkRunner<WindowResult> {
    if (this.#runner === null) throw new Error("central does not run");
    return this.#runner;
  }

  /** Whatever ran before is killed. */
  start(): void {
    this.target.generation += 1;
    const { generation } = this.target;
    this.#runner = new SinkRunner({
      target: this.target.of(generation),
      stream: new WindowStream({
        windows: SPECS,
        hasProvisional: true,
        readHistory: async (query) => this.history.page(query),
      }),
      mark: !this.hasMark
        ? null
        : {
            read: async () => this.markMs,
            write: async (markMs) => {
              this.markMs = markMs;
            },
          },
      retentionMs: 30 * 86_400_000,
      waitingMax: this.waitingMax,
      clock: this.time.clock({ isAlive: () => generation === this.target.generation }),
      random: new SeededRandom(generation),
      log: this.log,
    });
    this.#runner.start();
  }

  /** A next revision; `isOffered` false: of before this start. */
  publish(
    window: string,
    startMs: number,
    users: Iterable<number>,
    { isOffered = true }: { isOffered?: boolean } = {},
  ): void {
    const results: WindowResult[] = [];
    for (const user of users) {
      const group = { user: String(user) };
      const earlier = this.history.latest(`${window} ${startMs} ${labelsKey(group)}`);
      const revision = (earlier?.revision ?? 0) + 1;
      results.push({
        window,
        metric: "orders",
        group,
        startMs,
        endMs: startMs + MINUTE_MS,
        revision,
        state: "complete",
        values: { count: revision },
        beside: { uncertain: 0, bad: 0, undeduplicated: 0 },
        completeness: COMPLETENESS,
        updatedAtMs: Math.floor(this.time.nowMs),
      });
    }
    for (const result of results) this.history.put(result);
    if (!isOffered) return;
    this.published += results.length;
    this.runner.offer(results);
  }

  minuteMs(minutesAgo = 0): number {
    return Math.floor(this.time.nowMs / MINUTE_MS - minutesAgo) * MINUTE_MS;
  }
}

function numbers(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

test("a sink whose queue overflows each minute is given all of the history once, and everything else as it comes", async () => {
  const waitingMax = 5_000;
  const plant = new Plant({ waitingMax, hasMark: false });
  const groups = 1.2 * waitingMax;
  // 100 a second are published.
  plant.target.perS = 250;
  for (let minute = 1; minute <= 3; minute += 1)
    plant.publish("orders_1m", plant.minuteMs(minute), numbers(4_000), { isOffered: false });
  const old = plant.history.size;
  plant.start();
  await plant.time.run(1);
  for (let minute = 0; minute < 4; minute += 1) {
    for (let part = 0; part < 4; part += 1) {
      plant.publish("orders_1m", plant.minuteMs(), numbers(groups / 4, (part * groups) / 4));
      await plant.time.run(TICK_MS);
    }
    if (minute === 0) {
      expect(plant.runner.view).toMatchObject({ state: "rebuilding", rebuilds: 1 });
      expect(plant.runner.view.owed).toBeGreaterThan(waitingMax);
      expect(plant.runner.view.owedMs).toBeGreaterThanOrEqual(4 * TICK_MS);
    }
    await plant.time.run(MINUTE_MS - 4 * TICK_MS);
  }
  expect(plant.history.lackingAt(plant.target)).toEqual([]);
  expect(plant.runner.view).toMatchObject({ state: "up", waiting: 0, owed: 0, owedMs: 0 });
  expect(plant.target.written).toBeLessThan(old + 1.1 * plant.published);
});

test("what is new goes before the history where both are more than a sink takes at once: nothing is left out that need not be", async () => {
  const plant = new Plant({ waitingMax: 2_000, hasMark: true });
  for (let minute = 1; minute <= 3; minute += 1)
    plant.publish("orders_1m", plant.minuteMs(minute), numbers(5_000), { isOffered: false });
  plant.start();
  // New groups, too: by far the most of what a pass from the oldest on would come to.
  plant.target.perS = 1_000;
  await plant.time.run(1);
  let first = 0;
  for (let second = 0; second < 60; second += 1) {
    plant.publish("orders_1m", plant.minuteMs(), numbers(700, first));
    first += 700;
    await plant.time.run(1_000);
  }
  expect(plant.runner.view).toMatchObject({ state: "up", owed: 0, rebuilds: 1 });
  expect(plant.runner.view.outcomes.deferred).toBe(0);
  expect(plant.history.lackingAt(plant.target)).toEqual([]);
  expect(plant.target.written).toBe(plant.history.size);
});

test("windows that change all the while, faster than a sink takes them, do not keep the history back", async () => {
  const plant = new Plant({ waitingMax: 2_000, hasMark: false });
  plant.publish("orders_1m", plant.minuteMs(1), numbers(5_000), { isOffered: false });
  plant.target.perS = 1_000;
  plant.start();
  await plant.time.run(1);
  for (let second = 0; second < 40; second += 1) {
    plant.publish("orders_1m", plant.minuteMs(), numbers(1_500));
    await plant.time.run(1_000);
  }
  expect(plant.runner.view).toMatchObject({ owed: 0, owedMs: 0, rebuilds: 1 });
  await plant.time.run(2_000);
  expect(plant.history.lackingAt(plant.target)).toEqual([]);
});

test("what a target has not taken of a page of the history comes with the next pass, where meanwhile more came than may wait", async () => {
  const plant = new Plant({ waitingMax: 1_000, hasMark: false });
  plant.publish("orders_1m", plant.minuteMs(1), numbers(2_000), { isOffered: false });
  plant.target.perS = 1_000;
  plant.start();
  await plant.time.run(100);
  plant.target.takesHalf = true;
  plant.publish("orders_1m", plant.minuteMs(), numbers(1_500));
  await plant.time.run(MINUTE_MS);
  expect(plant.target.takesHalf).toBe(false);
  expect(plant.runner.view).toMatchObject({ state: "up", waiting: 0, owed: 0 });
  expect(plant.history.lackingAt(plant.target)).toEqual([]);
});

/** Bursts, late results, outages, losses and crashes, as the seed has them. */
async function run(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const waitingMax = random.integer(600, 3_000);
  const plant = new Plant({ waitingMax, hasMark: random.integer(0, 1) === 1 });
  const { target, time } = plant;
  const groups = random.integer(100, 4_000);
  const isSteady = random.integer(0, 2) === 0;
  for (let minute = 1; minute <= random.integer(1, 6); minute += 1)
    for (const { name } of SPECS)
      plant.publish(name, plant.minuteMs(minute), numbers(groups), { isOffered: false });
  // The bursts, and what is late, over 60 s.
  const perS = (groups * 1.2) / 60 + 4;
  target.perS = perS * (1.1 + random.integer(0, 30) / 10);
  // Whatever happens, but for what the lack of all of it costs, comes to an end.
  let fullPasses = 1;
  plant.start();
  const publishSecond = async (second: number) => {
    for (let part = 0; part < 4; part += 1) {
      const [spec] = random.integer(0, 4) === 0 ? SPECS : SPECS.toReversed();
      if (isSteady)
        plant.publish(
          spec.name,
          plant.minuteMs(),
          numbers(Math.round(groups / 240), ((second * 4 + part) * Math.round(groups / 240)) % groups),
        );
      else if (second % 60 === 30)
        plant.publish(
          spec.name,
          plant.minuteMs(),
          numbers(Math.floor(groups / 4), Math.floor((part * groups) / 4)),
        );
      plant.publish(spec.name, plant.minuteMs(random.integer(0, 4)), [random.integer(0, groups)]);
      await time.run(TICK_MS);
    }
  };
  let awayUntil = 0;
  for (let second = 0; second < 400; second += 1) {
    target.isAway = second < awayUntil;
    const chance = random.integer(0, 199);
    if (chance < 3) awayUntil = second + random.integer(1, 60);
    if (chance === 3) {
      target.held.clear();
      target.holdsAll = false;
      fullPasses += 1;
    }
    if (chance === 4 || chance === 5) {
      plant.start();
      fullPasses += 1;
    }
    await publishSecond(second);
  }
  // While as much is published as before, it comes to have everything.
  target.isAway = false;
  const spare = target.perS - perS;
  const { outcomes, owed, waiting } = plant.runner.view;
  const lacking = 2 * plant.history.size + owed + waiting;
  const secondsMax = 120 + Math.ceil((3 * lacking) / spare);
  let second = 400;
  let hasAll = false;
  for (; !hasAll && second < 400 + secondsMax; second += 1) {
    await publishSecond(second);
    const view = plant.runner.view;
    hasAll = view.state === "up" && view.owed === 0 && view.owedMs === 0 && view.waiting < 10;
  }
  expect(hasAll, `caught up, after ${JSON.stringify(outcomes)}`).toBe(true);
  await time.run(20_000);
  expect(plant.history.lackingAt(target)).toEqual([]);
  expect(plant.runner.view).toMatchObject({ state: "up", waiting: 0, owed: 0, owedMs: 0 });
  expect(target.backwards).toBe(0);
  expect(target.written).toBeLessThanOrEqual(fullPasses * plant.history.size + 2 * plant.published);
  // Nothing goes round.
  const { written } = target;
  await time.run(10 * MINUTE_MS);
  expect(target.written).toBe(written);
}

test.each(numbers(8, 1))(
  "bursts, outages, losses and crashes: a target that takes more than is published comes to hold the latest of all, seed %i",
  { timeout: 60_000 },
  run,
);
