// A fine window that leaves central's pipeline and comes back, or that is new: right windows stay right, and what may not be says so.
import { MemoryStore } from "@millrace/queue";
import { MemoryLogger } from "@millrace/runtime";
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import type { Central } from "../central.ts";
import type { CentralPipeline } from "../state/central-state.ts";
import { openCentral } from "../records/open-central.test-support.ts";
import { AMOUNT, AMOUNT_1M, bytesOf, ORDERS } from "../records/staged-records.test-support.ts";

const START_MS = 1_700_006_400_000;
const AMOUNT_10S = { ...AMOUNT_1M, name: "amount_10s", sizeMs: 10_000, slideMs: 10_000 };
const AMOUNT_OFFSET = { ...AMOUNT_1M, name: "amount_offset", offsetMs: 5_000 };
const BOTH = { metrics: [{ ...AMOUNT, paneMs: 10_000 }], windows: [AMOUNT_10S, AMOUNT_1M] };
const MINUTE = { metrics: [{ ...AMOUNT, paneMs: 60_000 }], windows: [AMOUNT_1M] };
const FINE = { metrics: [{ ...AMOUNT, paneMs: 10_000 }], windows: [AMOUNT_10S] };
const OFFSET = { metrics: [{ ...AMOUNT, paneMs: 5_000 }], windows: [AMOUNT_OFFSET] };
const NONE = { metrics: [], windows: [] };
const RULES_ALONE = { metrics: [{ ...AMOUNT, paneMs: null }], windows: [] };

class Plant {
  readonly time = new SimulatedTime(START_MS + 2_000);
  readonly log = new MemoryLogger();
  #store = new MemoryStore({});
  #central!: Central;
  #orderCount = 0;

  async start(pipeline: CentralPipeline): Promise<void> {
    const { time, log } = this;
    const common = { agents: [], records: [ORDERS], store: this.#store, clock: time.clock(), log };
    this.#central = await openCentral({ ...common, pipeline });
    await time.run(2_000);
  }

  async restart(pipeline: CentralPipeline): Promise<void> {
    await this.#central.close();
    this.#store = this.#store.crash();
    await this.start(pipeline);
  }

  async post(...seconds: readonly number[]): Promise<void> {
    const order = (second: number) => ({
      id: `o${++this.#orderCount}`,
      t: START_MS + second * 1_000,
      region: "x",
      amount: 1,
    });
    const values = seconds.map((second) => bytesOf(order(second)));
    const batch = { partition: 0, values, offsets: null, nextOffset: null, isAtEnd: true };
    const outcome = this.#central.offerRecords("orders", batch);
    await this.time.run(5_000);
    await outcome;
  }

  /** Ten records in each ten seconds of a minute, as they come. */
  async fill(): Promise<void> {
    for (let second = 0; second < 60; second += 10) {
      await this.post(...Array.from({ length: 10 }, (_, index) => second + index));
      await this.time.run(5_000);
    }
    await this.post(80);
  }

  get alarms() {
    return this.#central.alarms().map(({ rule, message }) => [rule, message]);
  }

  /** What the log's last line with a text had beside it. */
  toldOf(text: string): unknown {
    return this.log.lines.findLast(({ message }) => message.includes(text))?.fields;
  }

  get totals() {
    return this.#central.recordStreams()[0]?.totals;
  }

  async shown(window: string, toS = 60) {
    const toMs = START_MS + toS * 1_000;
    const query = { window, group: {}, fromMs: START_MS, toMs, limit: 100, cursor: null };
    const { windows } = await this.#central.windows(query);
    return windows.map(({ startMs, values, state, completeness }) => [
      (startMs - START_MS) / 1_000,
      values["count"],
      state,
      completeness.agentsCoarse,
    ]);
  }
}

test("a fine window that was away and is back shows what it showed, whatever comes late, and names whose may lack", async () => {
  const plant = new Plant();
  await plant.start(BOTH);
  await plant.fill();
  const seconds = [0, 10, 20, 30, 40, 50];
  expect(await plant.shown("amount_10s")).toEqual(seconds.map((at) => [at, 10, "complete", undefined]));
  await plant.restart(MINUTE);
  await plant.restart(BOTH);
  await plant.post(3, 33);
  expect(await plant.shown("amount_10s")).toEqual(seconds.map((at) => [at, 10, "complete", ["orders/0"]]));
  expect(await plant.shown("amount_1m")).toEqual([[0, 62, "complete", undefined]]);
  const told = plant.log.lines.filter(({ message }) =>
    message.includes("does not have the readings of before"),
  );
  // The first that begins behind all that had come.
  const toMs = START_MS + 90_000;
  expect(told.map(({ fields }) => fields)).toEqual([
    { windows: [`amount_10s to ${new Date(toMs).toISOString()}`] },
  ]);
});

test("a finer window that is added is not there for what came before, whatever comes late", async () => {
  const plant = new Plant();
  await plant.start(MINUTE);
  await plant.fill();
  await plant.restart(BOTH);
  await plant.post(3, 33);
  expect(await plant.shown("amount_10s")).toEqual([]);
  expect(await plant.shown("amount_1m")).toEqual([[0, 62, "complete", undefined]]);
});

test("records that no window takes since the pipeline was changed are too late, and what was away is not made without them", async () => {
  const plant = new Plant();
  await plant.start(BOTH);
  await plant.fill();
  await plant.restart(OFFSET);
  await plant.post(33, 70, 84);
  expect(plant.totals).toMatchObject({ received: 64, aggregated: 61, tooLate: 3 });
  await plant.post(125);
  await plant.restart(BOTH);
  // The last that was refused was of 84 s.
  await plant.post(71, 90, 119, 126, 131);
  expect(plant.totals).toMatchObject({ received: 70, aggregated: 66, tooLate: 4 });
  expect(await plant.shown("amount_1m", 180)).toEqual([
    [0, 60, "complete", ["orders/0"]],
    [60, 1, "provisional", ["orders/0"]],
    [120, 3, "provisional", undefined],
  ]);
  expect(await plant.shown("amount_10s", 180)).toEqual([
    ...[0, 10, 20, 30, 40, 50].map((at) => [at, 10, "complete", ["orders/0"]]),
    [80, 1, "provisional", ["orders/0"]],
    [90, 1, "provisional", undefined],
    [110, 1, "provisional", undefined],
    [120, 2, "provisional", undefined],
    [130, 1, "provisional", undefined],
  ]);
});

test("records of behind all that has come are in the finer windows that replace a longer one at once; of late ones log and alarm say what is lost", async () => {
  const plant = new Plant();
  await plant.start(MINUTE);
  await plant.fill();
  await plant.restart(FINE);
  const begun = new Date(START_MS + 90_000).toISOString();
  expect(plant.toldOf("is lost to all windows")).toEqual({ metrics: [`amount to ${begun}`] });
  await plant.post(...Array.from({ length: 100 }, () => 85));
  expect(plant.totals).toMatchObject({ tooLate: 100 });
  expect(plant.alarms).toEqual([
    ["data_loss", expect.stringContaining(`changed no window that begins before ${begun}`)],
  ]);
  await plant.post(90, 91, 105);
  expect(plant.totals).toMatchObject({ received: 164, aggregated: 64 });
  await plant.restart(FINE);
  await plant.post(92);
  expect(await plant.shown("amount_10s", 120)).toEqual([
    [90, 3, "provisional", undefined],
    [100, 1, "provisional", undefined],
  ]);
});

test("beside the longer window nothing is lost, be it taken out once it has ended; put back after something was refused it helps no more", async () => {
  const plant = new Plant();
  await plant.start(MINUTE);
  await plant.fill();
  await plant.restart(BOTH);
  expect(plant.toldOf("is lost to all windows")).toBeUndefined();
  await plant.post(90, 119);
  expect(await plant.shown("amount_1m", 120)).toEqual([
    [0, 60, "complete", undefined],
    [60, 3, "provisional", undefined],
  ]);
  await plant.post(121, 131);
  await plant.restart(FINE);
  await plant.post(132, 141);
  expect(plant.totals).toMatchObject({ received: 67, aggregated: 67, tooLate: 0 });
  expect(await plant.shown("amount_10s", 180)).toEqual([
    [90, 1, "provisional", undefined],
    [110, 1, "provisional", undefined],
    [120, 1, "provisional", undefined],
    [130, 2, "provisional", undefined],
    [140, 1, "provisional", undefined],
  ]);
  const other = new Plant();
  await other.start(MINUTE);
  await other.fill();
  await other.restart(FINE);
  await other.post(85);
  await other.restart(BOTH);
  expect(other.toldOf("is lost to all windows")).toEqual({
    metrics: [`amount to ${new Date(START_MS + 90_000).toISOString()}`],
  });
  await other.post(86, 119);
  expect(other.totals).toMatchObject({ tooLate: 2 });
});

test("what nobody waits for any more is not told: a start after the time up to which windows take nothing", async () => {
  const plant = new Plant();
  await plant.start(MINUTE);
  await plant.fill();
  await plant.restart(FINE);
  const told = plant.log.lines.length;
  await plant.time.run(120_000);
  await plant.restart(FINE);
  const messages = plant.log.lines.slice(told).map(({ message }) => message);
  expect(messages.filter((message) => /readings of before|is lost to all/.test(message))).toEqual([]);
});

test("records of a metric in no window are counted so, and once it is in one again none is made of their time", async () => {
  const plant = new Plant();
  await plant.start(MINUTE);
  await plant.fill();
  await plant.restart(RULES_ALONE);
  await plant.post(81, 130);
  expect(plant.totals).toMatchObject({ received: 63, aggregated: 61, unwindowed: 2 });
  await plant.restart(MINUTE);
  await plant.time.run(60_000);
  await plant.post(82, 125, 181);
  expect(plant.totals).toMatchObject({ received: 66, aggregated: 62, unwindowed: 2, tooLate: 2 });
  expect(await plant.shown("amount_1m", 240)).toEqual([
    [0, 60, "complete", ["orders/0"]],
    [60, 1, "provisional", ["orders/0"]],
    [180, 1, "provisional", undefined],
  ]);
});

test("the first window of all begins behind what rules alone have read", async () => {
  const plant = new Plant();
  await plant.start(RULES_ALONE);
  await plant.fill();
  await plant.restart(MINUTE);
  await plant.post(3, 82, 125);
  expect(plant.totals).toMatchObject({ received: 64, unwindowed: 61, aggregated: 1, tooLate: 2 });
  expect(await plant.shown("amount_1m", 240)).toEqual([[120, 1, "provisional", undefined]]);
});

test("while nobody reads a stream nothing of it goes by: its windows go on as if they had not been away", async () => {
  const plant = new Plant();
  await plant.start(MINUTE);
  await plant.fill();
  await plant.restart(NONE);
  await plant.time.run(60_000);
  await plant.restart(MINUTE);
  await plant.post(3, 81);
  expect(plant.totals).toMatchObject({ received: 63, aggregated: 63 });
  expect(await plant.shown("amount_1m", 120)).toEqual([
    [0, 61, "complete", undefined],
    [60, 2, "provisional", undefined],
  ]);
});
