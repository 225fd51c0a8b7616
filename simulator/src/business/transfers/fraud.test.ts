// Which transfers must raise an alarm, by hand and by plan; and that the near misses of a plan do not.
import { expect, test } from "vitest";
import { parsePlan } from "../../plan/load-plan.ts";
import { WallClock } from "../wall-clock.ts";
import { Circles } from "./circles.ts";
import { FraudOracle } from "./fraud-oracle.ts";
import { transferHistory } from "./transfer-history.ts";
import { TransferStream, type Transfer } from "./transfer-stream.ts";
import { TimeText } from "../time-text.ts";

const START_MS = 1_767_571_200_000;
const MINUTE_MS = 60_000;

/** Three strangers within ten minutes; account 1 knows 90 and 91. */
function judge(payments: readonly (readonly [minute: number, payee: number, account?: number])[]) {
  const oracle = new FraudOracle({
    strangers: 3,
    withinMs: 10 * MINUTE_MS,
    knows: (account, payee) => account === 1 && payee >= 90,
  });
  return payments.flatMap(([minute, payee, account = 1]) => {
    const { alarm } = oracle.add(minute * MINUTE_MS, account, payee);
    return alarm === null ? [] : [`${alarm.timeMs / MINUTE_MS} ${alarm.account}: ${alarm.payees.join(" ")}`];
  });
}

test.each([
  [
    "the third within the window raises it",
    [
      [0, 5],
      [4, 6],
      [9, 7],
    ],
    ["9 1: 5 6 7"],
  ],
  [
    "at the window's very end the first counts no more",
    [
      [0, 5],
      [4, 6],
      [10, 7],
    ],
    [],
  ],
  [
    "a hair before it, it does",
    [
      [0, 5],
      [4, 6],
      [9.999, 7],
    ],
    ["9.999 1: 5 6 7"],
  ],
  [
    "one too few",
    [
      [0, 5],
      [4, 6],
    ],
    [],
  ],
  [
    "the same stranger again is none",
    [
      [0, 5],
      [1, 5],
      [2, 5],
      [3, 6],
    ],
    [],
  ],
  [
    "whom it knows is no stranger",
    [
      [0, 90],
      [1, 91],
      [2, 5],
      [3, 6],
    ],
    [],
  ],
  [
    "strangers of another account do not count",
    [
      [0, 5],
      [1, 6],
      [2, 7, 2],
    ],
    [],
  ],
  [
    "known to one is a stranger to another",
    [
      [0, 90, 2],
      [1, 91, 2],
      [2, 5, 2],
    ],
    ["2 2: 90 91 5"],
  ],
  [
    "one alarm, however many more",
    [
      [0, 5],
      [1, 6],
      [2, 7],
      [3, 8],
      [4, 9],
    ],
    ["2 1: 5 6 7"],
  ],
  [
    "one alarm as long as there are enough",
    [
      [0, 5],
      [1, 6],
      [2, 7],
      [9, 8],
      [10, 9],
      [11, 10],
      [12, 11],
    ],
    ["2 1: 5 6 7"],
  ],
  [
    "another when there were fewer in between",
    [
      [0, 5],
      [1, 6],
      [2, 7],
      [11, 8],
      [30, 10],
      [31, 11],
      [32, 12],
    ],
    ["2 1: 5 6 7", "32 1: 10 11 12"],
  ],
  [
    "once paid, known for good",
    [
      [0, 5],
      [100, 5],
      [101, 6],
      [102, 7],
    ],
    [],
  ],
] as const)("%s", (_, payments, alarms) => {
  expect(judge(payments)).toEqual(alarms);
});

const RINGS = `
      - { at: 1m, payees: 10, within: 4m }
      - { at: 3m, payees: 9, within: 4m }
      - { at: 5m, payees: 10, within: 601s }
      - { at: 7m, payees: 10, within: 10m }
      - { at: 9m, payees: 10, within: 4m, to: known }
      - { at: 11m, every: 20m, account: 77, payees: 25, within: 5m }`;

function streamOf(rings = RINGS, strangers = 0.01) {
  const text = `version: 1
seed: 3
business:
  transfers:
    perSecond: 50
    accounts: 100000
    circle: [2, 12]
    strangers: ${strangers}
    rings:${rings}
`;
  const plan = parsePlan(text, "plan").business?.transfers;
  if (plan == null) throw new Error("the plan has transfers");
  const circles = new Circles(3, plan.accounts, plan.circle);
  const clock = new WallClock("Asia/Shanghai");
  const stream = new TransferStream({ plan, seed: 3, circles, clock, startMs: START_MS });
  return { plan, circles, stream };
}

function take(stream: TransferStream, lengthMs: number): Transfer[] {
  const transfers: Transfer[] = [];
  for (let next = stream.next(START_MS + lengthMs); next !== null; next = stream.next(START_MS + lengthMs))
    transfers.push(next);
  return transfers;
}

test("of a plan's rings those raise an alarm that pay enough strangers in time, and no account else", () => {
  const { circles, stream } = streamOf();
  const oracle = new FraudOracle({
    strangers: 10,
    withinMs: 10 * MINUTE_MS,
    knows: (account, payee) => circles.knows(account, payee),
  });
  const alarmed = new Map<number, number[]>();
  const rings: string[] = [];
  for (const { timeMs, from, to, endOfRing } of take(stream, 60 * MINUTE_MS)) {
    const { alarm } = oracle.add(timeMs, from, to);
    if (alarm !== null) alarmed.set(from, [...(alarmed.get(from) ?? []), timeMs]);
    if (endOfRing === null) continue;
    const { plan, payments } = endOfRing;
    const count = (alarmed.get(from) ?? []).filter((at) => at >= payments[0].timeMs).length;
    rings.push(`${plan.number}: ${count}`);
    expect([payments[0].timeMs, payments.at(-1)?.timeMs]).toEqual([timeMs - plan.withinMs, timeMs]);
    expect(new Set(payments.map(({ payee }) => payee)).size).toBe(plan.payees);
  }
  expect(rings.slice(0, 6)).toEqual(["1: 1", "2: 0", "5: 0", "3: 0", "6: 1", "4: 0"]);
  // Account 77 comes again, with others each time.
  expect(rings.slice(6)).toEqual(["6: 1", "6: 1"]);
  expect(alarmed.size).toBe(2);
  expect(alarmed.get(77)).toHaveLength(3);
});

test("people pay their circle, the nearest most, and strangers in their share", () => {
  const { circles, stream } = streamOf(" []", 0.03);
  const transfers = take(stream, 60 * MINUTE_MS);
  const strangers = transfers.filter(({ from, to }) => !circles.knows(from, to));
  expect(strangers.length / transfers.length).toBeCloseTo(0.03, 2);
  expect(transfers.every(({ from, to }) => from !== to)).toBe(true);
  const nearest = transfers.filter(({ from, to }) => circles.of(from)[0] === to);
  const furthest = transfers.filter(({ from, to }) => circles.of(from).at(-1) === to);
  expect(nearest.length).toBeGreaterThan(2 * furthest.length);
});

test("circles have the sizes that were asked, nobody twice and not oneself, and are the same for ever", () => {
  const circles = new Circles(3, 30, [2, 12]);
  const sizes = new Set<number>();
  for (let account = 1; account <= 30; account += 1) {
    const circle = circles.of(account);
    sizes.add(circle.length);
    expect(circle).toHaveLength(circles.sizeOf(account));
    expect(new Set([account, ...circle]).size).toBe(circle.length + 1);
    expect(circle.every((payee) => payee >= 1 && payee <= 30)).toBe(true);
  }
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(2);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(12);
  expect(sizes.size).toBeGreaterThan(6);
  expect(circles.of(17)).toEqual([30, 9]);
});

test("the history has a transfer from everybody to each of the circle, in order, before the start", () => {
  const { plan } = streamOf(" []");
  const small = { ...plan, accounts: 200 };
  const circles = new Circles(3, 200, plan.circle);
  const time = new TimeText("epoch-ms", new WallClock("UTC"));
  const records = [
    ...transferHistory({ plan: small, seed: 3, circles, time, startMs: START_MS, idPrefix: "x-" }),
  ];
  const paid = records.map(({ json }) => {
    const { from, to }: { from: string; to: string } = JSON.parse(json ?? "");
    return `${from} ${to}`;
  });
  const expected = Array.from({ length: 200 }, (_, index) =>
    circles.of(index + 1).map((payee) => `a${index + 1} a${payee}`),
  ).flat();
  expect(paid.toSorted()).toEqual(expected.toSorted());
  const times = records.map(({ timeMs }) => timeMs);
  expect(times).toEqual(times.toSorted((one, other) => one - other));
  expect(times[0]).toBe(START_MS - 90 * 86_400_000);
  expect(times.at(-1)).toBeLessThan(START_MS);
  expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
});
