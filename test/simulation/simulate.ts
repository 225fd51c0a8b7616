import { healthyLink, SeededRandom } from "@millrace/testkit";
import { converge } from "./converge.ts";
import { type PlantedBug, type SimulatedSite, World } from "./world.ts";

export interface SimulationOutcome {
  readonly seed: number;
  /** Empty: everything converged to the truth. */
  readonly problems: readonly string[];
  readonly readings: number;
  readonly windows: number;
  readonly crashes: number;
  readonly simulatedMs: number;
}

const SAFETY_MS = 60_000;
const LIVENESS_MS_MAX = 180_000;
const DAY_MS = 86_400_000;

/**
 * One seed: a safety phase in which links lose, double, delay, reorder and part, and every process crashes; then all
 * faults are off, and everything must converge to the truth within bounded time.
 */
export async function simulate(seed: number, bug?: PlantedBug): Promise<SimulationOutcome> {
  const world = new World({ seed, ...(bug === undefined ? {} : { bug }) });
  const faults = new FaultInjector(world);
  void world.startCentral();
  for (const site of world.sites) {
    void site.start();
    site.produce();
  }
  faults.begin();
  await world.time.run(SAFETY_MS);
  await faults.end();
  for (const site of world.sites) site.stopProducing();
  const { problems, windows } = await converge(world, { drainMsMax: LIVENESS_MS_MAX });
  if (world.publications.completeCount === 0) problems.push("no window was ever complete");
  const { length: readings } = world.truth();
  return {
    seed,
    problems,
    readings,
    windows,
    crashes: faults.crashCount,
    simulatedMs: SAFETY_MS + LIVENESS_MS_MAX,
  };
}

/**
 * Draws faults from the seed: crashes of every process, disks that refuse writes, links of every badness, one-way
 * partitions included, wall clocks that jump, and pipelines that are changed while agents run. An agent's clock jumps by less
 * than the lateness; back only where central's does not, which would refuse what is ahead of both.
 */
class FaultInjector {
  readonly #world: World;
  readonly #random: SeededRandom;
  /** Its own, so that the other faults of a seed stay as they were. */
  readonly #clockRandom: SeededRandom;
  readonly #areAgentsBehind: boolean;
  readonly #reloadRandom: SeededRandom;
  #isOn = false;
  crashCount = 0;

  constructor(world: World) {
    this.#world = world;
    this.#random = new SeededRandom(world.seed, "faults");
    this.#clockRandom = new SeededRandom(world.seed, "clock faults");
    this.#areAgentsBehind = new SeededRandom(world.seed, "clocks behind").chance(0.5);
    this.#reloadRandom = new SeededRandom(world.seed, "reloads");
  }

  begin(): void {
    this.#isOn = true;
    for (const site of this.#world.sites) {
      this.#worsen(site);
      this.#later(5_000, 40_000, () => this.#crashAgent(site));
      this.#later(5_000, 30_000, () => this.#failDisk((count) => site.failDisk(count)));
    }
    this.#later(5_000, 40_000, () => this.#crashCentral());
    this.#jumpClocks();
    for (const site of this.#world.sites) this.#reloadLater(site);
    this.#later(5_000, 30_000, () => this.#failDisk((count) => this.#world.failCentralDisk(count)));
  }

  /** Everything is healed and running. */
  async end(): Promise<void> {
    this.#isOn = false;
    for (const site of this.#world.sites) {
      Object.assign(site.link.faults, healthyLink());
      site.clockOffsetMs = 0;
    }
    this.#world.centralClockOffsetMs = 0;
    await this.#world.time.run(10_000);
  }

  #worsen(site: SimulatedSite): void {
    if (!this.#isOn) return;
    const random = this.#random;
    const isParted = random.chance(0.3);
    Object.assign(site.link.faults, {
      lossProbability: random.next() * 0.2,
      duplicateProbability: random.next() * 0.3,
      delayMsMin: 1,
      delayMsMax: random.chance(0.3) ? 2_000 : 50,
      isUpCut: isParted && random.chance(0.7),
      isDownCut: isParted && random.chance(0.7),
    });
    // Over ten seconds: an outage that fills the backfill lane.
    this.#later(1_000, isParted && random.chance(0.4) ? 40_000 : 12_000, () => this.#worsen(site));
  }

  #jumpClocks(): void {
    if (!this.#isOn) return;
    const random = this.#clockRandom;
    const behindMs = this.#areAgentsBehind ? DAY_MS : 0;
    for (const site of this.#world.sites)
      site.clockOffsetMs = random.chance(0.4) ? random.integer(-behindMs, DAY_MS) : 0;
    this.#world.centralClockOffsetMs = random.chance(0.4)
      ? random.integer(behindMs - DAY_MS, 60 * DAY_MS)
      : 0;
    this.#world.time.after(random.integer(2_000, 15_000), () => this.#jumpClocks());
  }

  /** Sometimes another one right behind it. */
  #reloadLater(site: SimulatedSite): void {
    const random = this.#reloadRandom;
    const delayMs = random.chance(0.3) ? random.integer(0, 50) : random.integer(1_000, 25_000);
    this.#world.time.after(delayMs, () => {
      if (!this.#isOn) return;
      site.reload();
      this.#reloadLater(site);
    });
  }

  #failDisk(fail: (commitCount: number) => void): void {
    if (!this.#isOn) return;
    fail(this.#random.integer(1, 6));
    this.#later(5_000, 30_000, () => this.#failDisk(fail));
  }

  #crashAgent(site: SimulatedSite): void {
    if (!this.#isOn) return;
    this.crashCount += 1;
    site.crash();
    this.#world.time.after(this.#random.integer(100, 8_000), () => void site.start());
    this.#later(5_000, 40_000, () => this.#crashAgent(site));
  }

  #crashCentral(): void {
    if (!this.#isOn) return;
    this.crashCount += 1;
    this.#world.crashCentral();
    this.#world.time.after(this.#random.integer(100, 8_000), () => void this.#world.startCentral());
    this.#later(5_000, 40_000, () => this.#crashCentral());
  }

  #later(fromMs: number, toMs: number, callback: () => void): void {
    this.#world.time.after(this.#random.integer(fromMs, toMs), callback);
  }
}
