// What a small computer in a cabinet meets: a disk really full, a file system that went read-only, a clock that jumps,
// more connections than files may be open.
// Nothing is acknowledged that is not on disk, rules go on stopping machines, and it goes on by itself where it can.
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { CentralHarness } from "./central-harness.ts";
import { expectTruth } from "./expect-truth.ts";
import { FakeClock } from "./fake-clock.ts";
import { FastSensor, type FastSensorOptions } from "./fast-sensor.ts";
import { ledgerFaults } from "./ledger-faults.ts";
import { prepareOneSite } from "./one-site.ts";
import { machineMetric, PLAIN_PIPELINE } from "./pipeline.ts";
import { RawMqtt } from "./raw-mqtt.ts";
import type { SiteHarness, SiteOptions } from "./site-harness.ts";
import { SmallDisk } from "./small-disk.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const isLong = process.env["MILLRACE_LONG"] === "1";
/** Pressures are in no window: what a rule acts on here changes no truth. */
const pipeline = {
  ...PLAIN_PIPELINE,
  metrics: { ...PLAIN_PIPELINE.metrics, pressure: machineMetric("pressure", "bar") },
  rules: {
    overpressure: {
      metric: "pressure",
      when: { above: 8, clearBelow: 7 },
      severity: 900,
      action: {
        publish: "factory/{site}/{line}/{machine}/command",
        payload: "VENT",
        latch: false,
        armed: true,
      },
    },
  },
};

interface Line {
  readonly central: CentralHarness;
  readonly site: SiteHarness;
  readonly sensor: FastSensor;
  /** A crossing, and the machine has its command. */
  crossing(): Promise<void>;
}

async function startLine(
  works: Works,
  options: Partial<SiteOptions> = {},
  pace: Pick<FastSensorOptions, "keepsPace"> = {},
): Promise<Line> {
  const { central, site } = await prepareOneSite(works, pipeline, options);
  await Promise.all([central.start(), site.start()]);
  await central.connected("alpha-1");
  let machine = await machineAt(works, site);
  const port = site.brokerPort;
  const fast = { works, port, site: "alpha", line: "1", machineCount: 5, perSecond: 1_000, ...pace };
  const sensor = new FastSensor(fast);
  const pressure = (value: number): Promise<void> =>
    machine.publish("factory/alpha/9/press/pressure", JSON.stringify({ ts: Date.now(), value }), { qos: 0 });
  return {
    central,
    site,
    sensor,
    crossing: async () => {
      if (machine.isClosed) machine = await machineAt(works, site);
      const before = machine.messages.length;
      // What was said last, without an acknowledgement, may be lost with the process: then it still stands above.
      await pressure(6);
      await pressure(9);
      await until("the machine has its command", () => machine.messages.length > before);
      await pressure(6);
    },
  };
}

async function machineAt(works: Works, site: SiteHarness): Promise<RawMqtt> {
  const machine = await RawMqtt.connect({ port: site.brokerPort, clientId: "machine" });
  works.atEnd(() => machine.close());
  await machine.subscribe("factory/alpha/9/press/command");
  return machine;
}

/** Everything that the sensor has sent is in the windows once, also after a kill. */
async function expectWhole({ central, site, sensor }: Line): Promise<void> {
  await sensor.stop();
  await site.process.kill();
  await site.start();
  await site.delivered();
  expect(sensor.faults).toEqual([]);
  expect(await site.process.stop()).toBe(0);
  await expectTruth(central, [...sensor.truth()]);
}

test.skipIf(!SmallDisk.isPossible("tmpfs"))(
  "a disk that is really full: no PUBACK, commands go out, and all goes on by itself once there is room",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const disk = new SmallDisk(works, "disk", "tmpfs");
    const config = { data: `${disk.path}/agent`, outbox: { freeBytesMin: "1 MiB" } };
    const line = await startLine(works, { config });
    const { site, sensor, crossing } = line;
    sensor.start();
    for (let time = 0; time < (isLong ? 5 : 1); time += 1) {
      const before = sensor.ackedCount;
      await until("acknowledgements", () => sensor.ackedCount > before + 200);
      disk.fill();
      const { store } = await site.until("the failure is told", ({ store }) => store.failure !== null);
      expect(store.failure).toMatch(/No space left/i);
      const { ackedCount } = sensor;
      for (let number = 0; number < 5; number += 1) await crossing();
      expect(sensor.ackedCount).toBe(ackedCount);
      disk.empty();
      await site.until("it writes again", (status) => status.store.failure === null);
    }
    // A power cut while it is full: the machines are guarded again at once.
    const reserve = join(disk.path, "agent/reserve");
    expect(existsSync(reserve)).toBe(true);
    disk.fill();
    await site.process.kill();
    await site.start();
    disk.fill();
    expect(existsSync(reserve)).toBe(false);
    await crossing();
    disk.empty();
    await expectWhole(line);
    expect(await ledgerFaultsOf(line)).toEqual([]);
  },
);

test.skipIf(!SmallDisk.isPossible("ext4"))(
  "a file system that went read-only: no PUBACK, commands go out, and nothing acknowledged is lost once it is mounted anew",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const disk = new SmallDisk(works, "disk", "ext4");
    const config = { data: `${disk.path}/agent`, outbox: { freeBytesMin: "1 MiB" } };
    const line = await startLine(works, { config });
    const { site, sensor, crossing } = line;
    sensor.start();
    await until("acknowledgements", () => sensor.ackedCount > 200);
    disk.failReadOnly();
    // A write that was under way may have met the error itself.
    await site.until("the failure is told", ({ store }) => /read-only/i.test(store.failure ?? ""));
    const { ackedCount } = sensor;
    for (let number = 0; number < 5; number += 1) await crossing();
    expect(sensor.ackedCount).toBe(ackedCount);
    await site.process.kill();
    disk.remount();
    await site.start();
    await expectWhole(line);
    expect(await ledgerFaultsOf(line)).toEqual([]);
  },
);

function ledgerFaultsOf({ central, site, sensor }: Line): Promise<string[]> {
  const ledger = site.finalLedger();
  const madeCount = sensor.madeCount + (ledger?.ruleOnly ?? 0);
  return ledgerFaults({ site, central, ledger, madeCount });
}

test.skipIf(FakeClock.library === undefined)(
  "a clock that jumps an hour ahead, an hour back and to 1970 while it runs: readings are taken, commands go out",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const clock = new FakeClock(works);
    const line = await startLine(works, { surroundings: { env: clock.env } });
    const { site, sensor, crossing } = line;
    sensor.start();
    for (const offsetMs of [3_600_000, -3_600_000, -Date.now(), 0]) {
      const before = sensor.ackedCount;
      clock.set(offsetMs);
      await site.until("its clock jumps", (status) => {
        const aheadMs = status.clock.wallMs - Date.now();
        return Math.abs(aheadMs - offsetMs) < 60_000;
      });
      await crossing();
      await until("acknowledgements", () => sensor.ackedCount > before + 200);
      expect((await site.status()).clock.isSynchronised).toBe(offsetMs >= 0);
    }
    await expectWhole(line);
    expect(await ledgerFaultsOf(line)).toEqual([]);
  },
);

test.skipIf(FakeClock.library === undefined)(
  "a clock that jumps an hour ahead, and central was not heard since the start: commands go out",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const clock = new FakeClock(works);
    const line = await startLine(works, { surroundings: { env: clock.env } });
    const { central, site, sensor, crossing } = line;
    sensor.start();
    await until("acknowledgements", () => sensor.ackedCount > 200);
    await central.process.kill();
    await site.process.kill();
    await site.start();
    const before = sensor.ackedCount;
    await until("acknowledgements", () => sensor.ackedCount > before + 200);
    const liveAtMs = Date.now() + 15_000;
    await until("sensors have kept the pace of time", () => Date.now() > liveAtMs);
    clock.set(3_600_000);
    await site.until("its clock jumps", (status) => status.clock.wallMs - Date.now() > 3_500_000);
    expect((await site.status()).clock.isProven).toBe(false);
    await crossing();
    clock.set(0);
    await central.start();
    await expectWhole(line);
    expect(await ledgerFaultsOf(line)).toEqual([]);
  },
);

test.skipIf(FakeClock.library === undefined)(
  "a power cut after which its clock is an hour behind: what is ahead of it is held, acts, and is whole once the clock is set",
  { timeout: 300_000 },
  async () => {
    const works = new Works();
    const clock = new FakeClock(works);
    const line = await startLine(works, { surroundings: { env: clock.env } }, { keepsPace: true });
    const { site, sensor, crossing } = line;
    sensor.start();
    await until("acknowledgements", () => sensor.ackedCount > 200);
    await site.process.kill();
    // Its time goes on where the store says that it was: for longer than a reading may be ahead, twice, since the first start
    // takes in what is less.
    const startAtMs = Date.now() + 12_000;
    await until("the cut is over", () => Date.now() > startAtMs);
    clock.set(-3_600_000);
    await site.start();
    await crossing();
    const first = await site.until("they are held", ({ held }) => held.readings > 6_000);
    await site.process.kill();
    const { ackedCount } = sensor;
    await site.start();
    await crossing();
    await until("acknowledgements", () => sensor.ackedCount > ackedCount + 1_000);
    // None of the first time's is taken in before the clock is proven, and all that is new is as far ahead.
    const second = await site.status();
    expect(second.held.readings).toBeGreaterThan(first.held.readings);
    await site.process.kill();
    await site.start();
    clock.set(0);
    await site.until(
      "the clock is proven",
      ({ clock: { isProven }, held }) => isProven && held.readings === 0,
    );
    await expectWhole(line);
    expect(await ledgerFaultsOf(line)).toEqual([]);
    expect(site.finalLedger()?.rejected.future).toBe(0);
  },
);

test(
  "more connections than it may open files: it says so, acknowledges and commands go on, and it accepts again later",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const line = await startLine(works, { surroundings: { under: ["prlimit", "--nofile=96"] } });
    const { site, sensor, crossing } = line;
    expect(site.process.log).toContain("may not open as many files as its inputs may have clients");
    sensor.start();
    const crowd = Array.from({ length: 300 }, () => connect(site.brokerPort, "127.0.0.1"));
    works.atEnd(() => crowd.forEach((socket) => socket.destroy()));
    for (const socket of crowd) socket.on("error", () => {});
    const { inputs } = await site.until(
      "some are turned away",
      (status) => (status.inputs[0].counts["refused_clients"] ?? 0) > 200,
    );
    expect(inputs[0].isConnected).toBe(true);
    const { ackedCount } = sensor;
    for (let number = 0; number < 5; number += 1) await crossing();
    await until("acknowledgements", () => sensor.ackedCount > ackedCount + 200);
    for (const socket of crowd) socket.destroy();
    const newcomer = await until("it accepts again", () =>
      RawMqtt.connect({ port: site.brokerPort, clientId: "newcomer" }),
    );
    newcomer.close();
    await expectWhole(line);
  },
);
