// A backlog over a slow link: it drains at the pace of the link, and neither live panes nor alarms wait behind it.
import { Central } from "@millrace/central";
import { MemoryStore } from "@millrace/queue";
import { silentLogger, zstdCompression } from "@millrace/runtime";
import { healthyLink, type Intake, SeededRandom, SimulatedLink, SimulatedTime } from "@millrace/testkit";
import { peekHeader } from "@millrace/wire";
import { expect, it } from "vitest";
import { loneAgent } from "./lone-agent.ts";
import { simulatedPipeline } from "./world.ts";

const START_MS = Date.UTC(2026, 0, 5, 8);
const MACHINES = 500;
/** Two to a pane, so that a row is as incompressible as rows get. */
const READING_INTERVAL_MS = 2_500;

/** Central, and beside it what came over the link. */
class WatchedIntake implements Intake {
  readonly #central: Central;
  readonly #time: SimulatedTime;
  connectionCount = 0;
  /** Batches that had come before. */
  doubledCount = 0;
  readonly #came = new Set<string>();
  /** Greatest age of a live batch that was sealed since `liveFromMs`, when it came. */
  liveLagMsMax = 0;
  liveFromMs = Number.POSITIVE_INFINITY;

  constructor(central: Central, time: SimulatedTime) {
    this.#central = central;
    this.#time = time;
  }

  onOpen(...args: Parameters<Intake["onOpen"]>): void {
    this.connectionCount += 1;
    this.#central.onOpen(...args);
  }

  onMessage(...args: Parameters<Intake["onMessage"]>): void {
    const [, topic, payload] = args;
    const header = topic === "batch" ? peekHeader(payload) : undefined;
    if (header !== undefined) {
      const name = `${header.lane} ${header.sequence}`;
      if (this.#came.has(name)) this.doubledCount += 1;
      this.#came.add(name);
    }
    if (header?.lane === "live" && header.sealedAtMs >= this.liveFromMs)
      this.liveLagMsMax = Math.max(this.liveLagMsMax, this.#time.nowMs - header.sealedAtMs);
    this.#central.onMessage(...args);
  }

  onClose(...args: Parameters<Intake["onClose"]>): void {
    this.#central.onClose(...args);
  }
}

/** Central, and an agent that reads on while its slow link is cut. */
async function afterOutage({ bytesPerSecond, outageMs }: { bytesPerSecond: number; outageMs: number }) {
  const time = new SimulatedTime(START_MS);
  const central = new Central({
    clock: time.clock(),
    log: silentLogger,
    compression: zstdCompression,
    agents: [{ id: "alpha-1", site: "alpha" }],
    pipeline: simulatedPipeline(),
    graceMs: 2_000,
    retainMs: 30 * 86_400_000,
    evidence: { bytesMax: 2 ** 30, retainMs: 30 * 86_400_000, unfinishedMs: 7 * 86_400_000 },
    silentAfterMs: 3_000,
    store: new MemoryStore(),
    random: new SeededRandom(1, "central"),
  });
  await central.open();
  const intake = new WatchedIntake(central, time);
  const link = new SimulatedLink({
    time,
    random: new SeededRandom(1, "link"),
    agent: "alpha-1",
    faults: {
      ...healthyLink(),
      delayMsMin: 30,
      delayMsMax: 40,
      upBytesPerSecondMax: bytesPerSecond,
      isUpCut: true,
      isDownCut: true,
    },
    intake: () => intake,
  });
  const agent = await loneAgent(time, link);
  agent.start();
  const values = new SeededRandom(1, "values");
  const sensors = { isReading: true };
  const read = (machine: number): void => {
    if (!sensors.isReading) return;
    void agent.receive({
      topic: `factory/alpha/1/m${machine}/temperature`,
      payload: new TextEncoder().encode(JSON.stringify({ temperature: values.next(), ts: time.nowMs })),
      isRetained: false,
      isOversized: false,
      qos: 1,
      client: `m${machine}`,
      arrivedMonotonicMs: time.nowMs,
    });
    time.after(READING_INTERVAL_MS, () => read(machine));
  };
  for (let machine = 0; machine < MACHINES; machine += 1) {
    time.after((machine * READING_INTERVAL_MS) / MACHINES, () => read(machine));
  }
  await time.run(outageMs);
  const backlogBytes = agent.status().lanes["backfill"]?.queuedBytes ?? 0;
  Object.assign(link.faults, { isUpCut: false, isDownCut: false });
  await time.runUntil(() => agent.status().link.state === "up", 60_000);
  intake.liveFromMs = time.nowMs;
  /** How long the backlog took; undefined: ten times as long as the link needs were not enough. */
  const drain = async (): Promise<number | undefined> => {
    const fromMs = time.nowMs;
    const isDrained = await time.runUntil(
      () => agent.status().lanes["backfill"]?.queuedBatches === 0,
      (10 * backlogBytes * 1_000) / bytesPerSecond,
    );
    return isDrained ? time.nowMs - fromMs : undefined;
  };
  return { intake, sensors, backlogBytes, drain };
}

it("a backlog over 500 kbit/s: no reconnect, live within two seconds, the link well used", async () => {
  const bytesPerSecond = 62_500;
  const { intake, backlogBytes, drain } = await afterOutage({ bytesPerSecond, outageMs: 300_000 });
  expect(backlogBytes).toBeGreaterThan(15 * bytesPerSecond);
  const drainMs = await drain();
  expect(intake.connectionCount).toBe(1);
  expect(intake.liveLagMsMax).toBeLessThan(2_000);
  expect(drainMs).toBeLessThan((backlogBytes * 1_000) / (0.7 * bytesPerSecond));
  expect(intake.doubledCount).toBe(0);
});

it("a link on which one batch takes longer than the limit of silence: it gets through, once", async () => {
  const { intake, sensors, drain } = await afterOutage({
    bytesPerSecond: 2_700,
    outageMs: 60_000,
  });
  sensors.isReading = false;
  expect(await drain()).toBeDefined();
  expect(intake.connectionCount).toBe(1);
  expect(intake.doubledCount).toBe(0);
});
