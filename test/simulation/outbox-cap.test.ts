// The disk that an agent's outbox takes is bounded, also while the link is up and carries less than the plant makes; what
// is given up for it is told, and everything else arrives.
import { SeededRandom } from "@millrace/testkit";
import { expect, it } from "vitest";
import { World } from "./world.ts";

const CAP_BYTES = 20_000;
/**
 * What may stand above the cap: what was sent, or is marked to be sent next, is not given up (twice 32 batches), and the
 * cap is looked at every ten seconds (four batches a second).
 */
const SLACK_BYTES = (2 * 32 + 10 * 4) * 400;
const SLOW_MS = 300_000;
/** What the slow links still carry goes first, at its pace. */
const RECOVERY_MS = 600_000;

const FRESH_SEED = Math.floor(Math.random() * 2 ** 31);

it.each([1, 2, 3, FRESH_SEED])("links slower than the plant, seed %i", async (seed) => {
  const world = new World({ seed, outboxBytesMax: CAP_BYTES });
  const random = new SeededRandom(seed, "slow links");
  void world.startCentral();
  for (const site of world.sites) {
    void site.start();
    site.produce();
    Object.assign(site.link.faults, {
      upBytesPerSecondMax: random.integer(800, 1_100),
      lossProbability: random.next() * 0.1,
      duplicateProbability: random.next() * 0.1,
    });
  }
  let queuedBytesMax = 0;
  const look = () => {
    for (const site of world.sites) {
      const lanes = Object.values(site.status()?.lanes ?? {});
      const queuedBytes = lanes.reduce((sum, lane) => sum + lane.queuedBytes, 0);
      queuedBytesMax = Math.max(queuedBytesMax, queuedBytes);
    }
    world.time.after(1_000, look);
  };
  look();
  await world.time.run(SLOW_MS / 2);
  world.sites[0].crash();
  await world.time.run(1_000);
  void world.sites[0].start();
  await world.time.run(SLOW_MS / 2);
  expect(queuedBytesMax).toBeGreaterThan(CAP_BYTES);
  expect(queuedBytesMax).toBeLessThanOrEqual(CAP_BYTES + SLACK_BYTES);

  for (const site of world.sites) {
    Object.assign(site.link.faults, {
      upBytesPerSecondMax: 1e6,
      lossProbability: 0,
      duplicateProbability: 0,
    });
    site.stopProducing();
  }
  expect(await world.time.runUntil(() => world.isDrained(), RECOVERY_MS)).toBe(true);
  await world.time.run(5_000);
  for (const site of world.sites) {
    const agent = site.status()?.ledger;
    const central = world.central?.ledger().get(`${site.name}-1`);
    expect(agent?.evicted).toBeGreaterThan(0);
    expect(agent?.aggregated).toBe(site.truth.length);
    expect(agent).toMatchObject({ aggregated: (agent?.forwarded ?? 0) + (agent?.evicted ?? 0), damaged: 0 });
    expect(central).toMatchObject({ received: agent?.forwarded, skipped: agent?.evicted });
  }
});
