// The alarms are those that a list of all records gives, in any order within the lateness, over any restart; each is raised with
// the record that makes it so, and only once.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { AlarmEvent } from "./alarm-event.ts";
import {
  DistinctDetector,
  type DistinctKeyState,
  type DistinctRuleSpec,
  FIRSTS_MAX,
} from "./distinct-detector.ts";

const RULE: DistinctRuleSpec = {
  name: "strangers",
  metric: "amount",
  by: ["account"],
  of: "payee",
  atLeast: 3,
  withinMs: 20,
  knownForMs: 60,
  severity: 800,
  message: "pays strangers",
};
const LIMITS = { latenessMs: 30, keysMax: 1_000, knownMax: 1_000 };

interface Payment {
  readonly account: string;
  readonly payee: string;
  readonly timeMs: number;
}

/** A process with a store: what it commits is what another one begins with. */
class Judge {
  readonly #limits: typeof LIMITS;
  detector: DistinctDetector;
  readonly #stored = new Map<string, DistinctKeyState>();
  readonly #known: { readonly hashes: Int32Array; readonly timeMs: number }[] = [];
  readonly events: AlarmEvent[] = [];
  #count = 0;

  constructor(limits = LIMITS) {
    this.#limits = limits;
    this.detector = new DistinctDetector(RULE, limits);
  }

  pay({ account, payee, timeMs }: Payment): AlarmEvent[] {
    const hashes = hashOf(account, payee);
    const fate = this.detector.judge(hashes, 0, timeMs);
    if (fate === "new" || fate === "late") {
      const record = { key: [account], value: payee, id: `t${++this.#count}`, timeMs, measure: 1 };
      this.detector.take({ ...record, isHistorical: false }, hashes, 0);
    }
    if (fate === "new" || fate === "later") this.#known.push({ hashes, timeMs });
    return this.#commit();
  }

  pass(watermarkMs: number): AlarmEvent[] {
    this.detector.forget(watermarkMs, 1_000);
    this.detector.end(watermarkMs);
    return this.#commit();
  }

  restart(): void {
    this.detector = new DistinctDetector(RULE, this.#limits);
    // What a store gives back comes in the order of its keys.
    for (const name of [...this.#stored.keys()].sort()) {
      const state = this.#stored.get(name);
      if (state !== undefined) this.detector.restore(state);
    }
    for (const { hashes, timeMs } of this.#known) this.detector.known.note(hashes, 0, timeMs);
  }

  #commit(): AlarmEvent[] {
    for (const [name, state] of this.detector.takeChanged())
      if (state === null) this.#stored.delete(name);
      else {
        const read: DistinctKeyState = JSON.parse(JSON.stringify(state));
        this.#stored.set(name, read);
      }
    const events = this.detector.takeEvents();
    this.events.push(...events);
    return events;
  }

  /** Each alarm at its latest step. */
  get alarms(): AlarmEvent[] {
    const latest = new Map<string, AlarmEvent>();
    for (const event of this.events) {
      expect(event.step).toBe((latest.get(event.id)?.step ?? 0) + 1);
      latest.set(event.id, event);
    }
    return [...latest.values()];
  }
}

function hashOf(account: string, payee: string): Int32Array {
  return Int32Array.of(account.charCodeAt(0), payee.charCodeAt(0));
}

/** Payment by payment in order of time, and every window by counting. */
function oracle(payments: readonly Payment[]): string[] {
  const { atLeast, withinMs, knownForMs } = RULE;
  const found: string[] = [];
  for (const account of new Set(payments.map((payment) => payment.account))) {
    const own = payments.filter((payment) => payment.account === account);
    const firsts = own.filter(
      ({ payee, timeMs }, index) =>
        !own.some((other) => {
          const isBefore = other.timeMs < timeMs && timeMs - other.timeMs <= knownForMs;
          return other.payee === payee && isBefore;
        }) && own.findIndex((other) => other.payee === payee && other.timeMs === timeMs) === index,
    );
    const count = (fromMs: number, toMs: number): number =>
      firsts.filter(({ timeMs }) => timeMs > fromMs && timeMs <= toMs).length;
    let startMs: number | null = null;
    const times = own.map(({ timeMs }) => timeMs);
    for (let t = Math.min(...times); t <= Math.max(...times) + withinMs; t += 1) {
      if (startMs !== null && count(t - withinMs, t - 1) < atLeast) {
        found.push(`${account} ${startMs} ${t}`);
        startMs = null;
      }
      if (startMs === null && count(t - withinMs, t) >= atLeast) startMs = t;
    }
  }
  return found.sort();
}

function told(alarms: readonly AlarmEvent[]): string[] {
  return alarms
    .filter(({ endReason }) => endReason === undefined)
    .map(({ labels, activeAtMs, clearedAtMs }) => `${labels["account"]} ${activeAtMs} ${clearedAtMs}`)
    .sort();
}

const step = fc.record({
  account: fc.constantFrom("a", "b"),
  payee: fc.constantFrom("p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z"),
  aheadMs: fc.constantFrom(0, 0, 1, 2, 3, 8, 25),
  behindMs: fc.integer({ min: 0, max: 30 }),
  isPassed: fc.boolean(),
  isRestarted: fc.constantFrom(false, false, false, true),
});

test("in any order within the lateness, with restarts anywhere: the spells of a list of all records", () => {
  let spellCount = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), fc.boolean(), (steps, isOrdered) => {
      const judge = new Judge();
      const payments: Payment[] = [];
      let nowMs = 0;
      for (const { account, payee, aheadMs, behindMs, isPassed, isRestarted } of steps) {
        nowMs += aheadMs;
        const payment = { account, payee, timeMs: nowMs - (isOrdered ? 0 : behindMs) };
        const raised = judge.pay(payment).filter(({ isActive, step }) => isActive && step === 1);
        payments.push(payment);
        if (isOrdered) {
          const due = oracle(payments).filter((spell) => spell.startsWith(`${account} ${nowMs} `)).length;
          const had = oracle(payments.slice(0, -1)).filter((spell) =>
            spell.startsWith(`${account} ${nowMs} `),
          ).length;
          expect(raised.length).toBe(due - had);
        }
        for (const { evidence = [], activeAtMs } of raised) {
          expect(new Set(evidence.map(({ labels }) => labels["payee"])).size).toBe(RULE.atLeast);
          expect(evidence.at(-1)?.timeMs).toBe(activeAtMs);
        }
        if (isPassed) judge.pass(nowMs);
        if (isRestarted) judge.restart();
      }
      judge.pass(10_000);
      const spells = oracle(payments);
      spellCount += spells.length;
      expect(told(judge.alarms)).toEqual(spells);
      if (isOrdered) expect(judge.alarms.every(({ endReason }) => endReason === undefined)).toBe(true);
      judge.pass(20_000);
      expect(judge.detector.keyCount).toBe(0);
    }),
    { numRuns: 200 },
  );
  expect(spellCount).toBeGreaterThan(200);
});

const pay = (payee: string, timeMs: number): Payment => ({ account: "a", payee, timeMs });

test("the third stranger raises, with the three as evidence; it ends when the first has left the window", () => {
  const judge = new Judge();
  expect([...judge.pay(pay("p", 100)), ...judge.pay(pay("q", 105))]).toEqual([]);
  expect(judge.pay(pay("r", 119))).toEqual([
    {
      id: "strangers:a:119",
      step: 1,
      rule: "strangers",
      metric: "amount",
      labels: { account: "a" },
      severity: 800,
      isActive: true,
      isLatched: false,
      isHistorical: false,
      activeAtMs: 119,
      clearedAtMs: null,
      timeMs: 119,
      value: 3,
      limit: 3,
      action: "none",
      command: null,
      message: "pays strangers",
      unit: "",
      evidence: [
        { id: "t1", timeMs: 100, labels: { payee: "p" }, value: 1 },
        { id: "t2", timeMs: 105, labels: { payee: "q" }, value: 1 },
        { id: "t3", timeMs: 119, labels: { payee: "r" }, value: 1 },
      ],
    },
  ]);
  expect(judge.pass(119)).toEqual([]);
  expect(judge.pass(120)).toMatchObject([
    { id: "strangers:a:119", step: 2, isActive: false, clearedAtMs: 120 },
  ]);
});

test("keys of several labels that look alike with colons between them have alarms of their own", () => {
  const detector = new DistinctDetector({ ...RULE, by: ["bank", "account"] }, LIMITS);
  const keys = [
    ["a:b", "c"],
    ["a", "b:c"],
    ["a%3Ab", "c"],
  ];
  for (const [at, key] of keys.entries())
    for (const [payee, timeMs] of [100, 101, 102].entries()) {
      const record = { key, value: String(payee), id: "t", timeMs, measure: 1, isHistorical: false };
      detector.take(record, Int32Array.of(at, payee), 0);
    }
  const ids = detector.takeEvents().map(({ id }) => id);
  expect(ids).toEqual(["strangers:a%3Ab:c:102", "strangers:a:b%3Ac:102", "strangers:a%253Ab:c:102"]);
});

test("a window has a millisecond too few: no alarm", () => {
  const judge = new Judge();
  for (const payment of [pay("p", 100), pay("q", 105), pay("r", 120)]) judge.pay(payment);
  expect(judge.events).toEqual([]);
});

test("a late record that shows that one of them was known withdraws the alarm", () => {
  const judge = new Judge();
  for (const payment of [pay("p", 100), pay("q", 105), pay("r", 110)]) judge.pay(payment);
  expect(judge.pay(pay("q", 85))).toMatchObject([{ step: 2, isActive: false, endReason: "withdrawn" }]);
  expect(told(judge.alarms)).toEqual([]);
});

test("more keys than are to be kept: the one whose last new value is oldest goes, its alarm ends, and it is counted", () => {
  const judge = new Judge({ ...LIMITS, keysMax: 1 });
  for (const payment of [pay("p", 100), pay("q", 105), pay("r", 110)]) judge.pay(payment);
  expect(judge.pay({ account: "b", payee: "p", timeMs: 111 })).toMatchObject([
    { labels: { account: "a" }, step: 2, isActive: false, endReason: "forgotten" },
  ]);
  expect(judge.detector).toMatchObject({ keyCount: 1, droppedCount: 1 });
});

test("keys that expire at one moment are forgotten some with each block of records, and all in the end", () => {
  const judge = new Judge();
  for (let account = 0; account < 1_000; account += 1)
    judge.pay({ account: String.fromCharCode(0x4e00 + account), payee: "p", timeMs: 100 });
  expect(judge.detector.keyCount).toBe(1_000);
  const counts: number[] = [];
  for (let blocks = 0; judge.detector.keyCount > 0 && blocks < 100; blocks += 1) {
    const before = judge.detector.keyCount;
    judge.detector.forget(1_000, 10);
    counts.push(before - judge.detector.keyCount);
  }
  expect(judge.detector.keyCount).toBe(0);
  expect(Math.max(...counts)).toBeLessThan(200);
  // Faster than any records can bring others.
  expect(Math.min(...counts.slice(0, -1))).toBeGreaterThan(20);
});

test("of one key no more new values are kept than are to be, and the alarm stands", () => {
  const judge = new Judge();
  for (let payee = 0; payee < FIRSTS_MAX + 500; payee += 1)
    judge.pay(pay(String.fromCharCode(1_000 + payee), 100 + Math.floor(payee / 100)));
  expect(judge.detector.droppedCount).toBe(500);
  judge.pass(10_000);
  expect(told(judge.alarms)).toEqual(["a 100 134"]);
});
