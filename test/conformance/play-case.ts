import type { WindowResult } from "@millrace/stream";
import type { CaseCentral } from "./case-central.ts";
import type { CountEngine, FullWindow } from "./count-engine.ts";
import type { ConformanceCase } from "./load-cases.ts";
import { SiteAgent } from "./site-agent.ts";

export interface Published extends WindowResult {
  /** The world's time, which central's clock need not show. */
  readonly shownAtMs: number;
}

export interface ShownFullWindow extends FullWindow {
  readonly shownAtMs: number;
}

/** What plays a case: central's windows, and the agents' of so many readings. */
export interface CasePlayers {
  readonly central: CaseCentral;
  readonly count: CountEngine;
}

export interface PlayedCase {
  readonly published: readonly Published[];
  /** What a query is told at the end. */
  readonly asked: readonly WindowResult[];
  /** Count windows, in the order in which they became full. */
  readonly full: readonly ShownFullWindow[];
  /** Readings that entered no window, by fate. */
  readonly fates: Readonly<Record<string, number>>;
}

/**
 * Lets the world of a case take its course, in steps. `isInterrupted`: the count windows are stopped and restored before everything
 * that they are given; central is asked for it when it is made.
 */
export async function playCase(
  conformance: ConformanceCase,
  { central, count }: CasePlayers,
  { isInterrupted }: { readonly isInterrupted: boolean },
): Promise<PlayedCase> {
  const { beginsMs, endsMs, stepMs, agents: described } = conformance;
  const agents = described.map((agent) => new SiteAgent(conformance, agent));
  const published: Published[] = [];
  const full: ShownFullWindow[] = [];
  let next = 0;
  for (let worldMs = beginsMs; worldMs <= endsMs; worldMs += stepMs) {
    for (; next < conformance.readings.length && conformance.readings[next].atMs <= worldMs; next++) {
      const reading = conformance.readings[next];
      const taken = agents.find(({ name }) => name === reading.agent)?.read(reading.atMs, reading);
      if (taken === undefined) continue;
      if (isInterrupted) await count.restart();
      for (const window of await count.add(reading.agent, taken))
        full.push({ ...window, shownAtMs: reading.atMs });
    }
    await central.enrol(worldMs);
    for (const agent of agents) {
      for (const delivery of agent.step(worldMs, central.nowMs(worldMs)))
        await central.take(agent.name, delivery, worldMs);
    }
    for (const result of await central.tick(worldMs)) published.push({ ...result, shownAtMs: worldMs });
  }
  const fates: Record<string, number> = { ...central.fates };
  for (const agent of agents) {
    for (const [fate, count] of Object.entries(agent.fates)) fates[fate] = (fates[fate] ?? 0) + count;
  }
  return { published, asked: await central.asked(), full, fates };
}
