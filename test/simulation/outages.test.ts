// Trouble that lasts: a link that is down for hours, flaps, or carries one way only; a central that is slow; clocks that jump
// an hour or to 1970 while everything runs. When it is over, central shows the truth, complete, and no ledger has a hole.
import { expect, it } from "vitest";
import { converge } from "./converge.ts";
import { type SimulatedSite, World } from "./world.ts";

const isLong = process.env["MILLRACE_LONG"] === "1";
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** A clock stays so long as it has been set. */
const CLOCK_S = 23;

/** What a run in between can wait for, and what the long run waits for. */
function lasting(minutes: number, minutesOfLongRun: number): number {
  return (isLong ? minutesOfLongRun : minutes) * MINUTE_MS;
}

interface Trouble {
  readonly name: string;
  readonly forMs: number;
  /** Called once a second while it lasts; `second` counts from 0. */
  begin(world: World, site: SimulatedSite, second: number): void;
}

const troubles: readonly Trouble[] = [
  {
    name: "a link that is down for hours",
    forMs: lasting(4, 6 * 60),
    begin: (_, { link }) => Object.assign(link.faults, { isUpCut: true, isDownCut: true }),
  },
  {
    name: "a link that flaps: one second up, three down",
    forMs: lasting(1, 30),
    begin: (_, { link }, second) =>
      Object.assign(link.faults, { isUpCut: second % 4 > 0, isDownCut: second % 4 > 0 }),
  },
  {
    name: "a link that flaps: twenty seconds up, seven down",
    forMs: lasting(2, 60),
    begin: (_, { link }, second) =>
      Object.assign(link.faults, { isUpCut: second % 27 > 19, isDownCut: second % 27 > 19 }),
  },
  {
    name: "a link that carries nothing up",
    forMs: lasting(1, 60),
    begin: (_, { link }) => Object.assign(link.faults, { isUpCut: true }),
  },
  {
    name: "a link that carries nothing down: central has it all and no acknowledgement comes",
    forMs: lasting(1, 60),
    begin: (_, { link }) => Object.assign(link.faults, { isDownCut: true }),
  },
  {
    name: "a central that takes seconds for each write",
    forMs: lasting(1, 30),
    begin: (world) => (world.centralDiskDelayMs = 2_000),
  },
  {
    name: "an agent's clock that jumps an hour ahead and back, and to 1970",
    forMs: lasting(2, 60),
    begin: (world, site, second) => {
      const offsetsMs = [HOUR_MS, 0, -HOUR_MS, 0, -world.time.nowMs];
      site.clockOffsetMs = offsetsMs[Math.floor(second / CLOCK_S) % offsetsMs.length];
    },
  },
  {
    name: "central's clock that jumps an hour ahead and back, and to 1970",
    forMs: lasting(2, 60),
    begin: (world, _, second) => {
      const offsetsMs = [HOUR_MS, 0, -HOUR_MS, 0, -world.time.nowMs];
      world.centralClockOffsetMs = offsetsMs[Math.floor(second / CLOCK_S) % offsetsMs.length];
    },
  },
];

it.each(troubles)("$name", { timeout: isLong ? 3_600_000 : 300_000 }, async ({ forMs, begin }) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const world = new World({ seed });
  const [site] = world.sites;
  void world.startCentral();
  for (const each of world.sites) {
    void each.start();
    each.produce();
  }
  await world.time.run(30_000);
  for (let second = 0; second < forMs / 1_000; second += 1) {
    begin(world, site, second);
    await world.time.run(1_000);
  }
  expect(site.unacknowledgedCount, "sensors wait for nothing but the disk").toBeLessThan(30);
  Object.assign(site.link.faults, { isUpCut: false, isDownCut: false });
  site.clockOffsetMs = 0;
  world.centralClockOffsetMs = 0;
  world.centralDiskDelayMs = 0;
  await world.time.run(30_000);
  for (const each of world.sites) each.stopProducing();
  const { problems, windows } = await converge(world, { drainMsMax: forMs + 5 * MINUTE_MS });
  expect(problems, `seed ${seed}`).toEqual([]);
  expect(windows).toBeGreaterThanOrEqual((2 * forMs) / 10_000);
});
