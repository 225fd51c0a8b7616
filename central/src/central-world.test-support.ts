// A central on a store in memory and in simulated time, with two enrolled agents; and what its tests ask of it.
import { silentLogger } from "@millrace/runtime";
import type { Clock } from "@millrace/runtime";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import type { StoreRun } from "@millrace/wire";
import { expect } from "vitest";
import { Central } from "./central.ts";
import type { CentralOptions } from "./central.ts";
import { CrashingStore } from "./crashing-store.test-support.ts";
import { ScriptedAgent } from "./scripted-agent.test-support.ts";
import { METRIC, WINDOW } from "./seconds.test-support.ts";

export const START_MS = 1_700_000_000_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
export const ALL = {
  window: "t_1s",
  group: {},
  fromMs: 0,
  toMs: Number.MAX_SAFE_INTEGER,
  limit: 1_000,
  cursor: null,
};

export interface World {
  readonly time: SimulatedTime;
  readonly store: CrashingStore;
  readonly central: Central;
}

export async function start(
  store = new CrashingStore(),
  options: Partial<Omit<CentralOptions, "store">> & { time?: SimulatedTime } = {},
): Promise<World> {
  const { time = new SimulatedTime(START_MS), ...rest } = options;
  const central = new Central({
    agents: [
      { id: "alpha-1", site: "alpha" },
      { id: "beta-1", site: "beta" },
    ],
    pipeline: { metrics: [METRIC], windows: [WINDOW] },
    graceMs: 2_000,
    retainMs: 86_400_000,
    evidence: { bytesMax: 2 ** 30, retainMs: 86_400_000, unfinishedMs: 86_400_000 },
    silentAfterMs: 3_000,
    store,
    clock: time.clock(),
    random: new SeededRandom(1),
    log: silentLogger,
    compression: { compress: (bytes) => bytes, decompress: (bytes) => bytes },
    ...rest,
  });
  await central.open();
  return { time, store, central };
}

/** A clock of a process that can be stopped: what was due meanwhile comes when it goes on. */
export function freezable() {
  const time = new SimulatedTime(START_MS);
  const plain = time.clock();
  const held: (() => void)[] = [];
  let isFrozen = false;
  const clock: Clock = {
    ...plain,
    after: (delayMs, callback) => plain.after(delayMs, () => (isFrozen ? held.push(callback) : callback())),
  };
  const thaw = () => {
    isFrozen = false;
    for (const callback of held.splice(0)) callback();
  };
  return { time, clock, freeze: () => (isFrozen = true), thaw };
}

/** A run that began with this sequence of the live lane. */
export function run(name: string, live: number): StoreRun {
  return { run: name, from: { alarm: 1, live, backfill: 1, evidence: 1 } };
}

type AgentOptions = ConstructorParameters<typeof ScriptedAgent>[2];

export function agentOf(world: World, options?: AgentOptions): ScriptedAgent {
  return new ScriptedAgent(world.central, () => Math.floor(world.time.nowMs), options);
}

export function welcomed(world: World, options: AgentOptions = {}): Promise<ScriptedAgent> {
  return welcomedAfter(world, 10, options);
}

export async function welcomedAfter(
  world: World,
  waitMs: number,
  options: AgentOptions = {},
): Promise<ScriptedAgent> {
  const agent = agentOf(world, options);
  agent.hello();
  await world.time.run(waitMs);
  expect(agent.refusal).toBeUndefined();
  return agent;
}

export async function welcomedWith(world: World, runs: readonly StoreRun[]): Promise<ScriptedAgent> {
  const agent = agentOf(world);
  agent.hello({ runs });
  await world.time.run(10);
  expect(agent.welcome?.epoch).toBe(1);
  return agent;
}

export function activeAlarms(central: Central): string[] {
  return central
    .alarms()
    .filter((alarm) => alarm.isActive)
    .map((alarm) => alarm.rule);
}

export async function countsByStart(central: Central): Promise<Record<number, number>> {
  const { windows } = await central.windows(ALL);
  return Object.fromEntries(
    windows.map((window) => [(window.startMs - START_MS) / 1_000, window.values["count"] ?? 0]),
  );
}

/** State, those missing and those with a loss, of alpha's windows by second. */
export async function standings(
  central: Central,
): Promise<Record<number, [string, readonly string[], unknown]>> {
  const { windows } = await central.windows({ ...ALL, group: { site: "alpha" } });
  return Object.fromEntries(
    windows.map(({ startMs, state, completeness: { agentsMissing, agentsWithLoss } }) => [
      (startMs - START_MS) / 1_000,
      [state, agentsMissing, agentsWithLoss],
    ]),
  );
}
