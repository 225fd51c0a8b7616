// An image of a gateway that was offline is brought back after all was sent: every window is still the truth.
import { expect, it } from "vitest";
import { differences, trueWindows } from "./oracle.ts";
import { World } from "./world.ts";

const WINDOW_MS = 10_000;

async function wrongWindows(world: World): Promise<string[]> {
  const { central } = world;
  if (central === undefined) throw new Error("central is down");
  const answer = central.windows({
    window: "temperature_10s",
    group: {},
    fromMs: 0,
    toMs: Number.MAX_SAFE_INTEGER,
    limit: 1_000,
    cursor: null,
  });
  const { windows } = await world.time.during(answer);
  return differences(trueWindows(world.truth(), WINDOW_MS), windows);
}

it.each([
  { seed: 5, firstOnlineMs: 0, restartAtMs: null, imageAtMs: 21_130 },
  { seed: 5, firstOnlineMs: null, restartAtMs: null, imageAtMs: 21_130 },
  { seed: 6, firstOnlineMs: null, restartAtMs: 20_000, imageAtMs: 60_130 },
  { seed: 8, firstOnlineMs: 15_000, restartAtMs: 20_000, imageAtMs: 60_130 },
])("a roll-back doubles and loses nothing: %o", async ({ seed, firstOnlineMs, restartAtMs, imageAtMs }) => {
  const world = new World({ seed });
  const [site] = world.sites;
  const cut = (isCut: boolean) => Object.assign(site.link.faults, { isUpCut: isCut, isDownCut: isCut });
  void world.startCentral();
  await world.time.run(2_000);
  cut(firstOnlineMs === null);
  void site.start();
  site.produce();
  await world.time.run(firstOnlineMs ?? 0);
  cut(true);
  if (restartAtMs !== null) {
    await world.time.run(restartAtMs - (firstOnlineMs ?? 0));
    site.crash();
    await world.time.run(200);
    void site.start();
  }
  await world.time.run(imageAtMs - (restartAtMs ?? firstOnlineMs ?? 0));
  const image = site.image();
  await world.time.run(1_000);
  cut(false);
  await world.time.run(20_000);
  site.stopProducing();
  await world.time.run(60_000);
  expect(await wrongWindows(world)).toEqual([]);
  site.rollBack(image);
  await world.time.run(500);
  void site.start();
  await world.time.run(90_000);
  expect(site.status()?.epoch).toBe(2);
  expect(await wrongWindows(world)).toEqual([]);
});
