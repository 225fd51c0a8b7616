// A gateway without a battery for its clock is cut from power, and comes back with its clock where it last stored it, while
// its sensors have the right time. What they stamp meanwhile is held. Once the clock is set, everything comes to the truth.
import { expect, it } from "vitest";
import { converge } from "./converge.ts";
import { type SimulatedSite, World } from "./world.ts";

const MINUTE_MS = 60_000;
const HALF_MS = 30_000;
const CUT_MS = 2 * MINUTE_MS;
/** From the first that a step of the clock brings in to the last is less. */
const TAKING_IN_MS = 400;

interface Course {
  readonly name: string;
  /** From the start with the wrong clock to the end of all trouble. */
  run(world: World, site: SimulatedSite): Promise<void>;
}

const cut = ({ link }: SimulatedSite, isCut: boolean) =>
  Object.assign(link.faults, { isUpCut: isCut, isDownCut: isCut });

async function restart(world: World, site: SimulatedSite): Promise<void> {
  site.crash();
  await world.time.run(500);
  void site.start();
}

const courses: readonly Course[] = [
  {
    name: "the clock is set while the link is down",
    run: async ({ time }, site) => {
      await time.run(HALF_MS);
      site.clockOffsetMs = 0;
      await time.run(HALF_MS);
      expect(site.status()?.ledger.held).toBe(0);
      cut(site, false);
    },
  },
  {
    name: "the clock is set with the link up: central has disagreed with it until then",
    run: async ({ time }, site) => {
      cut(site, false);
      await time.run(HALF_MS);
      expect(site.status()?.ledger.held).toBeGreaterThan(0);
      site.clockOffsetMs = 0;
    },
  },
  {
    name: "it crashes while they are held, and once more",
    run: async (world, site) => {
      await world.time.run(HALF_MS);
      await restart(world, site);
      await world.time.run(HALF_MS);
      await restart(world, site);
      await world.time.run(HALF_MS);
      site.clockOffsetMs = 0;
      cut(site, false);
    },
  },
  {
    name: "it is set while the agent is down: the next one knows no step, and waits for central",
    run: async (world, site) => {
      await world.time.run(HALF_MS);
      site.clockOffsetMs = 0;
      await restart(world, site);
      await world.time.run(HALF_MS);
      expect(site.status()?.ledger.held).toBeGreaterThan(0);
      cut(site, false);
    },
  },
  {
    name: "it crashes amid the taking in, with the link down",
    run: async (world, site) => {
      await world.time.run(HALF_MS);
      site.clockOffsetMs = 0;
      await world.time.run((world.seed * 0.618 * TAKING_IN_MS) % TAKING_IN_MS);
      await restart(world, site);
      await world.time.run(HALF_MS);
      cut(site, false);
    },
  },
  {
    name: "it crashes amid the taking in, with the link up, and its disk takes no writes for a while",
    run: async (world, site) => {
      cut(site, false);
      await world.time.run(HALF_MS);
      site.failDisk(3);
      site.clockOffsetMs = 0;
      await world.time.run((world.seed * 0.618 * 5 * TAKING_IN_MS) % (5 * TAKING_IN_MS));
      await restart(world, site);
    },
  },
];

it.each(courses.flatMap((course) => [1, 2].map((seed) => ({ ...course, seed }))))(
  "$name, seed $seed",
  async ({ run, seed }) => {
    const world = new World({ seed });
    const [site] = world.sites;
    void world.startCentral();
    for (const each of world.sites) {
      void each.start();
      each.produce();
    }
    await world.time.run(HALF_MS);
    cut(site, true);
    site.crash();
    await world.time.run(CUT_MS);
    site.clockOffsetMs = -CUT_MS;
    void site.start();
    await world.time.run(5_000);
    const { held, rejected } = site.status()?.ledger ?? {};
    expect(held).toBeGreaterThan(500);
    expect(rejected?.future).toBe(0);
    await run(world, site);
    await world.time.run(HALF_MS);
    for (const each of world.sites) each.stopProducing();
    const { problems } = await converge(world, { drainMsMax: 10 * MINUTE_MS });
    expect(problems).toEqual([]);
  },
);
