// Rules turn readings into alarms and commands: once per activation, on fresh evidence only, across restarts.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { AlarmEvent } from "./alarm-event.ts";
import { afterChanges, type RuleEngineChanges } from "./rule-engine-changes.ts";
import { NOTHING } from "./outcome.ts";
import type { Outcome, PublishOutcome } from "./outcome.ts";
import { RuleEngine, type ArrivalFacts, type RuleReading } from "./rule-engine.ts";
import type { ActionSpec, LimitCondition, RuleSpec } from "./rule-spec.ts";

const LABELS = [0, 1].map((machine) => ({ site: "alpha", line: "1", machine: `m${machine}` }));
const STOP: ActionSpec = {
  topicTemplate: "factory/{site}/{line}/{machine}/command",
  payload: "STOP",
  confirm: { topic: "factory/{site}/{line}/{machine}/state", equals: "stopped", withinMs: 2000, match: null },
  retryMax: 2,
  validForMs: 5000,
  isLatched: true,
  isArmed: true,
  escalateSeverity: 1000,
  perMinuteMax: null,
  atLevels: null,
};
const ACTION_MAX_AGE_MS = 5000;
const TOO_HOT: LimitCondition = { kind: "above", limit: 80, clear: 75, forAtLeastMs: 0 };

function rule(action: Partial<ActionSpec> | null = {}): RuleSpec {
  return {
    name: "overheating",
    metric: "temperature",
    when: { ...TOO_HOT },
    severity: 900,
    message: "too hot",
    action: action === null ? null : { ...STOP, ...action },
  };
}

function engineOf(...rules: RuleSpec[]): RuleEngine {
  return new RuleEngine({ rules, actionMaxAgeMs: ACTION_MAX_AGE_MS, seriesMax: 100 });
}

interface Sent {
  readonly nowMs: number;
  readonly value: number;
  readonly timeMs?: number;
  readonly machine?: number;
  readonly quality?: RuleReading["quality"];
  readonly isRetained?: boolean;
  readonly isReplayed?: boolean;
}

function send(engine: RuleEngine, sent: Sent): readonly Outcome[] {
  const {
    nowMs,
    value,
    timeMs = nowMs,
    machine = 0,
    quality = "good",
    isRetained = false,
    isReplayed = false,
  } = sent;
  const arrival: ArrivalFacts = {
    nowMs,
    monotonicMs: nowMs,
    arrivedMonotonicMs: nowMs - 1,
    isRetained,
    isReplayed,
  };
  return engine.onReading(
    machine,
    { metric: "temperature", labels: LABELS[machine], timeMs, value, quality },
    arrival,
  );
}

function tick(engine: RuleEngine, nowMs: number): readonly Outcome[] {
  return engine.onTick({ nowMs, monotonicMs: nowMs, steadyMs: nowMs });
}

function answer(
  engine: RuleEngine,
  payload: string,
  nowMs: number,
  { isRetained = false, arrivedMonotonicMs = nowMs } = {},
): readonly Outcome[] {
  const topic = "factory/alpha/1/m0/state";
  const confirmation = { topic, payload: new TextEncoder().encode(payload), isRetained, arrivedMonotonicMs };
  return engine.onConfirmation(confirmation, nowMs);
}

const publishes = (outcomes: readonly Outcome[]): PublishOutcome[] =>
  outcomes.filter((outcome) => outcome.type === "publish");
const events = (outcomes: readonly Outcome[]): AlarmEvent[] =>
  outcomes.flatMap((outcome) => (outcome.type === "event" ? [outcome.event] : []));
const last = (outcomes: readonly Outcome[]): AlarmEvent => events(outcomes).at(-1)!;

test("a crossing commands at once, before its event, with id and validUntil", () => {
  const engine = engineOf(rule());
  expect(send(engine, { nowMs: 1000, value: 79 })).toBe(NOTHING);
  const outcomes = send(engine, { nowMs: 1100, value: 81 });
  const [command, event] = outcomes;
  expect(command).toMatchObject({
    type: "publish",
    topic: "factory/alpha/1/m0/command",
    attempt: 1,
    validUntilMs: 6100,
  });
  expect(JSON.parse(publishes(outcomes)[0].payload)).toEqual({
    command: "STOP",
    id: publishes(outcomes)[0].commandId,
    validUntil: 6100,
    rule: "overheating",
  });
  expect(event).toMatchObject({
    isActionStep: true,
    event: {
      step: 1,
      isActive: true,
      isLatched: true,
      isHistorical: false,
      action: "commanded",
      value: 81,
      severity: 900,
    },
  });
  expect(last(outcomes).command).toMatchObject({
    attempt: 1,
    commandedAtMs: 1100,
    confirmedAtMs: null,
    latencyMs: 1,
  });
  expect(send(engine, { nowMs: 1200, value: 90 })).toBe(NOTHING);
});

test("the machine's answer confirms; an old, wrong or foreign one does not", () => {
  const engine = engineOf(rule());
  expect(engine.confirmationTopics()).toEqual(["factory/+/+/+/state"]);
  send(engine, { nowMs: 1000, value: 81 });
  expect(answer(engine, "stopped", 1100, { isRetained: true })).toBe(NOTHING);
  expect(answer(engine, "running", 1100)).toEqual([]);
  expect(last(answer(engine, '"stopped"', 1300))).toMatchObject({
    action: "confirmed",
    command: { confirmedAtMs: 1300 },
  });
  expect(tick(engine, 9000)).toEqual([]);
});

test("what had arrived before the command was sent is no answer to it, of a repetition any is that came after the first", () => {
  const engine = engineOf(rule());
  send(engine, { nowMs: 1000, value: 81 });
  expect(answer(engine, "stopped", 1001, { arrivedMonotonicMs: 999 })).toEqual([]);
  expect(tick(engine, 3000)).toHaveLength(2);
  const late = answer(engine, "stopped", 3002, { arrivedMonotonicMs: 2999 });
  expect(last(late)).toMatchObject({ action: "confirmed", command: { attempt: 2 } });
});

test("an unanswered command is repeated under the same id, then escalates; a late answer still counts", () => {
  const engine = engineOf(rule());
  const first = publishes(send(engine, { nowMs: 1000, value: 81 }))[0];
  expect(tick(engine, 2999)).toEqual([]);
  const second = tick(engine, 3000);
  expect(publishes(second)[0]).toMatchObject({ commandId: first.commandId, attempt: 2, validUntilMs: 8000 });
  expect(last(second)).toMatchObject({
    action: "retrying",
    severity: 900,
    command: { attempt: 2, commandedAtMs: 1000 },
  });
  expect(publishes(tick(engine, 5000))[0]).toMatchObject({ attempt: 3 });
  const given = tick(engine, 7000);
  expect(publishes(given)).toEqual([]);
  expect(last(given)).toMatchObject({ action: "unconfirmed", severity: 1000 });
  expect(last(answer(engine, "stopped", 60_000))).toMatchObject({ action: "confirmed", severity: 900 });
});

test("a clock that is set neither stretches a wait for an answer nor takes a retry away", () => {
  for (const stepMs of [-3_600_000, 3_600_000]) {
    const engine = engineOf(rule());
    send(engine, { nowMs: 10_000_000, value: 81 });
    const tickAt = (waitedMs: number) => {
      const monotonicMs = 10_000_000 + waitedMs;
      return engine.onTick({ nowMs: monotonicMs + stepMs, monotonicMs, steadyMs: monotonicMs });
    };
    expect(tickAt(1000)).toEqual([]);
    // A reload makes the alarm anew of its exported state: it waits no longer, and no shorter.
    engine.prepareRules([rule({ escalateSeverity: 999 })], 10_000_000 + stepMs + 1000)();
    expect(tickAt(1999)).toEqual([]);
    expect(publishes(tickAt(2000))).toMatchObject([{ attempt: 2 }]);
    expect(tickAt(3999)).toEqual([]);
    expect(publishes(tickAt(4000))).toMatchObject([{ attempt: 3 }]);
    expect(last(tickAt(6000))).toMatchObject({ action: "unconfirmed", severity: 999 });
  }
});

test("a sending that failed just before the clock is set is repeated a second later", () => {
  const engine = engineOf(rule({ confirm: null, retryMax: 1 }));
  const { commandId } = publishes(send(engine, { nowMs: 1000, value: 81 }))[0];
  engine.onPublishFailed(commandId, { nowMs: 1000, monotonicMs: 1000 });
  const tickAt = (monotonicMs: number) =>
    engine.onTick({ nowMs: 9_000_000 + monotonicMs, monotonicMs, steadyMs: monotonicMs });
  expect(tickAt(1999)).toEqual([]);
  expect(publishes(tickAt(2000))).toMatchObject([{ commandId, attempt: 2 }]);
});

test("a process that stood still for long retries nothing on old evidence, whatever the wall clock says", () => {
  const engine = engineOf(rule());
  send(engine, { nowMs: 1000, value: 81 });
  const lapsed = engine.onTick({ nowMs: 1100, monotonicMs: 100_000, steadyMs: 1000 });
  expect(publishes(lapsed)).toEqual([]);
  expect(last(lapsed)).toMatchObject({ action: "unconfirmed" });
  expect(publishes(send(engine, { nowMs: 100_100, value: 82 }))).toHaveLength(1);
});

test.each([
  ["retained", { isRetained: true }],
  ["replayed", { isReplayed: true }],
  ["old", { timeMs: 4_000 }],
  ["uncertain", { quality: "uncertain" as const }],
  ["bad", { quality: "bad" as const }],
])("a %s reading makes a historical alarm, and the next good one acts, once", (_, how) => {
  const engine = engineOf(rule());
  const raised = send(engine, { nowMs: 10_000, value: 81, ...how });
  expect(publishes(raised)).toEqual([]);
  expect(last(raised)).toMatchObject({
    isActive: true,
    isHistorical: true,
    isLatched: false,
    action: "none",
  });
  const acted = send(engine, { nowMs: 10_100, value: 82 });
  expect(publishes(acted)).toHaveLength(1);
  expect(last(acted)).toMatchObject({
    id: last(raised).id,
    step: 2,
    isHistorical: false,
    isLatched: true,
    action: "commanded",
  });
  expect(send(engine, { nowMs: 10_200, value: 83 })).toBe(NOTHING);
});

test("what only a replay has raised ends by itself", () => {
  const engine = engineOf(rule());
  send(engine, { nowMs: 10_000, value: 81, isReplayed: true });
  expect(last(send(engine, { nowMs: 10_100, value: 70 }))).toMatchObject({
    isActive: false,
    clearedAtMs: 10_100,
  });
  expect(engine.activeAlarms()).toEqual([]);
});

test("while latched, a fresh crossing acts again under the same alarm", () => {
  const engine = engineOf(rule());
  const first = send(engine, { nowMs: 1000, value: 81 });
  answer(engine, "stopped", 1100);
  expect(last(send(engine, { nowMs: 2000, value: 70 }))).toMatchObject({
    isActive: true,
    isLatched: true,
    clearedAtMs: 2000,
  });
  const again = send(engine, { nowMs: 3000, value: 85 });
  expect(publishes(again)).toHaveLength(1);
  expect(publishes(again)[0].commandId).not.toBe(publishes(first)[0].commandId);
  expect(last(again)).toMatchObject({
    id: last(first).id,
    activeAtMs: 3000,
    clearedAtMs: null,
    action: "commanded",
  });
});

test("a reset ends a latched alarm only once the condition is over", () => {
  const engine = engineOf(rule());
  const id = last(send(engine, { nowMs: 1000, value: 81 })).id;
  expect(engine.reset(id, 1500)).toEqual([]);
  send(engine, { nowMs: 2000, value: 70 });
  expect(engine.reset("unknown", 2500)).toEqual([]);
  expect(last(engine.reset("all", 2500))).toMatchObject({
    id,
    isActive: false,
    isLatched: false,
    timeMs: 2500,
  });
  expect(engine.activeAlarms()).toEqual([]);
  expect(tick(engine, 60_000)).toEqual([]);
  expect(last(send(engine, { nowMs: 3000, value: 81 })).id).not.toBe(id);
});

test("without a latch the alarm ends with its condition, its command is pursued to the end", () => {
  const engine = engineOf(rule({ isLatched: false, retryMax: 0 }));
  send(engine, { nowMs: 1000, value: 81 });
  expect(last(send(engine, { nowMs: 1500, value: 70 }))).toMatchObject({
    isActive: false,
    action: "commanded",
  });
  expect(last(tick(engine, 3000))).toMatchObject({ isActive: false, action: "unconfirmed", severity: 1000 });
  expect(engine.activeAlarms()).toEqual([]);
});

test("unarmed: everything but the sending", () => {
  const engine = engineOf(rule({ isArmed: false }));
  const outcomes = send(engine, { nowMs: 1000, value: 81 });
  expect(publishes(outcomes)).toEqual([]);
  expect(outcomes).toMatchObject([
    { isActionStep: true, event: { action: "dry_run", command: { topic: "factory/alpha/1/m0/command" } } },
  ]);
});

test("a label that would change the topic sends nothing and escalates", () => {
  const engine = engineOf(rule());
  const labels = { site: "alpha", line: "#", machine: "m0" };
  const arrival = {
    nowMs: 1000,
    monotonicMs: 0,
    arrivedMonotonicMs: 0,
    isRetained: false,
    isReplayed: false,
  };
  const outcomes = engine.onReading(
    0,
    { metric: "temperature", labels, timeMs: 1000, value: 81, quality: "good" },
    arrival,
  );
  expect(outcomes).toMatchObject([{ event: { action: "unconfirmed", severity: 1000, command: null } }]);
});

test("a sending that failed is repeated also where no answer is expected", () => {
  const engine = engineOf(rule({ confirm: null, retryMax: 1 }));
  const { commandId } = publishes(send(engine, { nowMs: 1000, value: 81 }))[0];
  expect(tick(engine, 1000)).toEqual([]);
  engine.onPublishFailed(commandId, { nowMs: 1000, monotonicMs: 1000 });
  expect(publishes(tick(engine, 2000))).toMatchObject([{ commandId, attempt: 2 }]);
  expect(last(engine.onPublishFailed(commandId, { nowMs: 3000, monotonicMs: 3000 }))).toMatchObject({
    action: "unconfirmed",
  });
  expect(engine.onPublishFailed("other.1", { nowMs: 3000, monotonicMs: 3000 })).toBe(NOTHING);
});

test("a wait that lapsed while the process was down escalates, and acts again on fresh evidence only", () => {
  const before = engineOf(rule());
  send(before, { nowMs: 1000, value: 81 });
  const engine = engineOf(rule());
  engine.restore(JSON.parse(JSON.stringify(before.export())));
  const lapsed = tick(engine, 100_000);
  expect(publishes(lapsed)).toEqual([]);
  expect(last(lapsed)).toMatchObject({ action: "unconfirmed", severity: 1000 });
  expect(publishes(send(engine, { nowMs: 100_100, value: 82 }))).toHaveLength(1);
  expect(send(engine, { nowMs: 100_200, value: 83 })).toBe(NOTHING);
});

test("a wait that ended while the process was down for a moment is retried", () => {
  const before = engineOf(rule());
  send(before, { nowMs: 1000, value: 81 });
  const engine = engineOf(rule());
  engine.restore(JSON.parse(JSON.stringify(before.export())));
  expect(publishes(tick(engine, 4500))).toMatchObject([{ attempt: 2 }]);
});

test("a process that died between the alarm and its command commands after the restart, with the same ids", () => {
  const lost = engineOf(rule());
  const commanded = publishes(send(lost, { nowMs: 1000, value: 81 }))[0];
  const engine = engineOf(rule());
  expect(publishes(send(engine, { nowMs: 3000, timeMs: 1000, value: 81, isReplayed: true }))).toEqual([]);
  expect(publishes(send(engine, { nowMs: 3100, value: 84 }))).toMatchObject([
    { commandId: commanded.commandId },
  ]);
});

test("alarms of a rule that was removed end at the restore", () => {
  const before = engineOf(rule());
  send(before, { nowMs: 1000, value: 81 });
  const engine = engineOf();
  expect(engine.restore(before.export())).toMatchObject([
    { event: { step: 2, isActive: false, isLatched: false } },
  ]);
  expect(engine.activeAlarms()).toEqual([]);
});

test("series beyond the limit are counted, not watched", () => {
  const engine = new RuleEngine({ rules: [rule()], actionMaxAgeMs: ACTION_MAX_AGE_MS, seriesMax: 1 });
  send(engine, { nowMs: 1000, value: 70 });
  expect(send(engine, { nowMs: 1000, value: 90, machine: 1 })).toBe(NOTHING);
  expect(engine.counts()).toMatchObject({ seriesOverLimit: 1 });
});

test("a clock that ran an hour ahead for a second does not make the rule deaf", () => {
  const engine = engineOf(rule());
  const hour = 3_600_000;
  send(engine, { nowMs: hour, value: 70 });
  send(engine, { nowMs: 2 * hour, value: 70 });
  expect(publishes(send(engine, { nowMs: hour + 1000, value: 90 }))).toHaveLength(1);
  expect(last(send(engine, { nowMs: hour + 2000, value: 70 }))).toMatchObject({ clearedAtMs: hour + 2000 });
});

test("a clock that ran an hour ahead does not hold up an on-delay that began in that hour", () => {
  const engine = engineOf({ ...rule(), when: { ...TOO_HOT, forAtLeastMs: 1000 } });
  const hour = 3_600_000;
  send(engine, { nowMs: 2 * hour, value: 90 });
  expect(send(engine, { nowMs: hour, value: 90 })).toBe(NOTHING);
  expect(publishes(send(engine, { nowMs: hour + 1000, value: 90 }))).toHaveLength(1);
});

test.each([1, 2000, 4900])("a clock stepped back by %i ms does not delay the stop", (stepMs) => {
  const engine = new RuleEngine({ rules: [rule()], actionMaxAgeMs: 1000, seriesMax: 100 });
  send(engine, { nowMs: 100_000, value: 70 });
  expect(publishes(send(engine, { nowMs: 100_000 - stepMs, value: 90 }))).toHaveLength(1);
});

test("a crossing that comes out of order still stops; a normal reading out of order does not end it", () => {
  const engine = engineOf(rule());
  send(engine, { nowMs: 10_000, value: 70 });
  expect(publishes(send(engine, { nowMs: 10_001, timeMs: 9_999, value: 90 }))).toHaveLength(1);
  expect(send(engine, { nowMs: 10_002, timeMs: 9_999, value: 70 })).toBe(NOTHING);
  expect(engine.counts()).toMatchObject({ late: 1 });
  expect(last(send(engine, { nowMs: 10_003, value: 70 }))).toMatchObject({ clearedAtMs: 10_003 });
  expect(send(engine, { nowMs: 20_000, value: 70 })).toBe(NOTHING);
  expect(send(engine, { nowMs: 20_001, timeMs: 14_000, value: 90 })).toBe(NOTHING);
});

test("alarms raised out of order never share an id", () => {
  const engine = engineOf(rule(null));
  const ids: string[] = [];
  for (const timeMs of [10_000, 9_000, 9_000, 11_000, 9_000, 10_000, 11_000]) {
    ids.push(last(send(engine, { nowMs: 12_000, timeMs, value: 90 })).id);
    send(engine, { nowMs: 12_000, timeMs: 11_000, value: 70 });
  }
  expect(new Set(ids).size).toBe(ids.length);
});

test("what is due at once is done by deadline, not in the order in which alarms began, after a restart too", () => {
  const engine = engineOf(rule({ retryMax: 0 }));
  send(engine, { machine: 0, nowMs: 10_000, timeMs: 4_000, value: 90 });
  send(engine, { machine: 1, nowMs: 10_000, value: 90 });
  send(engine, { machine: 0, nowMs: 10_001, value: 90 });
  const restored = engineOf(rule({ retryMax: 0 }));
  restored.restore(engine.export());
  for (const each of [engine, restored])
    expect(events(tick(each, 60_000)).map((event) => event.labels["machine"])).toEqual(["m1", "m0"]);
});

// Any history: readings of two machines in any order and condition, answers, ticks, resets.
type Step =
  | {
      readonly do: "reading";
      readonly value: number;
      readonly ageMs: number;
      readonly machine: number;
      readonly quality: RuleReading["quality"];
      readonly isRetained: boolean;
      readonly isReplayed: boolean;
    }
  | { readonly do: "answer"; readonly payload: string }
  | { readonly do: "tick" }
  | { readonly do: "reset" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("reading" as const),
      value: fc.constantFrom(60, 74, 75, 78, 80, 81, 95),
      ageMs: fc.constantFrom(0, 0, 0, 50, 700, 6000),
      machine: fc.constantFrom(0, 1),
      quality: fc.constantFrom("good" as const, "good" as const, "good" as const, "bad" as const),
      isRetained: fc.constantFrom(false, false, false, true),
      isReplayed: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("answer" as const),
      payload: fc.constantFrom("stopped", "running"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("tick" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reset" as const) }) },
);
const history = fc.array(fc.tuple(fc.integer({ min: 0, max: 900 }), step), { maxLength: 80 });
const ruleSets = fc.record({
  isLatched: fc.boolean(),
  retryMax: fc.nat(2),
  isArmed: fc.constantFrom(true, true, false),
});

function take(engine: RuleEngine, nowMs: number, next: Step): readonly Outcome[] {
  if (next.do === "reading") return send(engine, { ...next, nowMs, timeMs: nowMs - next.ageMs });
  if (next.do === "answer") return answer(engine, next.payload, nowMs);
  if (next.do === "tick") return tick(engine, nowMs);
  return engine.reset("all", nowMs);
}

test("never two commands for one activation, none without an eligible reading, steps count up", () => {
  fc.assert(
    fc.property(ruleSets, history, (action, steps) => {
      const engine = engineOf(rule(action));
      /** Machines commanded since they were last back to normal. */
      const commanded = new Set<string>();
      const stepOf = new Map<string, number>();
      let nowMs = 1_000_000;
      for (const [delayMs, next] of steps) {
        nowMs += delayMs;
        for (const sent of publishes(tick(engine, nowMs))) expect(sent.attempt).toBeGreaterThan(1);
        for (const event of engine.activeAlarms()) stepOf.set(event.id, event.step);
        const isEligible =
          next.do === "reading" &&
          next.quality === "good" &&
          !next.isRetained &&
          !next.isReplayed &&
          next.ageMs <= ACTION_MAX_AGE_MS &&
          next.value > 80;
        const outcomes = take(engine, nowMs, next);
        for (const sent of publishes(outcomes)) {
          expect({ isEligible, isArmed: action.isArmed, attempt: sent.attempt }).toEqual({
            isEligible: true,
            isArmed: true,
            attempt: 1,
          });
          expect(commanded.has(sent.topic)).toBe(false);
          commanded.add(sent.topic);
        }
        for (const event of events(outcomes)) {
          expect(event.step).toBe((stepOf.get(event.id) ?? 0) + 1);
          stepOf.set(event.id, event.step);
          if (event.clearedAtMs !== null)
            commanded.delete(`factory/alpha/1/${event.labels["machine"]}/command`);
          if (event.isHistorical) expect(event.action).toBe("none");
        }
      }
    }),
    { numRuns: 300 },
  );
});

const clockStepMs = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0, max: 900 }) },
  { weight: 1, arbitrary: fc.constantFrom(3_600_000, -3_600_000, -2000, -1) },
);
const historyWithClockSteps = fc.array(fc.tuple(clockStepMs, step), { maxLength: 80 });

test("an eligible reading over the limit always leaves the alarm acted upon", () => {
  fc.assert(
    fc.property(historyWithClockSteps, (steps) => {
      const engine = engineOf(rule({ isArmed: false }));
      let nowMs = 100_000_000;
      for (const [delayMs, next] of steps) {
        nowMs += delayMs;
        take(engine, nowMs, next);
        if (next.do !== "reading") continue;
        if (
          next.value <= 80 ||
          next.quality !== "good" ||
          next.isRetained ||
          next.isReplayed ||
          next.ageMs > ACTION_MAX_AGE_MS
        )
          continue;
        const alarm = engine.activeAlarms().find((event) => event.labels["machine"] === `m${next.machine}`);
        expect(alarm).toMatchObject({
          isActive: true,
          isHistorical: false,
          clearedAtMs: null,
          action: "dry_run",
        });
      }
    }),
    { numRuns: 300 },
  );
});

/** The clocks of a history are one, so none may go back: over a restart it is the wall clock that tells of a wait. */
const historyWithPauses = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 0, max: 900 }) },
      { weight: 1, arbitrary: fc.constant(3_600_000) },
    ),
    step,
  ),
  { maxLength: 80 },
);

test("restored at every point, the engine does what an uninterrupted one does", () => {
  fc.assert(
    fc.property(ruleSets, historyWithPauses, (action, steps) => {
      const whole = engineOf(rule(action));
      let broken = engineOf(rule(action));
      let nowMs = 100_000_000;
      for (const [delayMs, next] of steps) {
        nowMs += delayMs;
        const state = JSON.parse(JSON.stringify(broken.export()));
        broken = engineOf(rule(action));
        expect(broken.restore(state)).toEqual([]);
        expect(take(broken, nowMs, next)).toEqual(take(whole, nowMs, next));
      }
      expect(broken.activeAlarms()).toEqual(whole.activeAlarms());
    }),
    { numRuns: 200 },
  );
});

test("restored from an older state, what steps have changed since, and the readings after, the engine is the uninterrupted one", () => {
  const spec = (action: Partial<ActionSpec>) => [
    rule({ ...action, perMinuteMax: 3 }),
    {
      ...rule(null),
      name: "cold",
      when: { kind: "below" as const, limit: 70, clear: 70, forAtLeastMs: 500 },
    },
  ];
  const isCheckpoint = fc.integer({ min: 0, max: 9 }).map((number) => number === 0);
  fc.assert(
    fc.property(ruleSets, fc.array(fc.tuple(isCheckpoint, fc.nat(900), step)), (action, steps) => {
      const whole = engineOf(...spec(action));
      let nowMs = 100_000_000;
      let checkpoint = JSON.stringify(whole.export());
      let journal: RuleEngineChanges[] = [];
      let unjudged: Sent[] = [];
      for (const [isDue, delayMs, next] of steps) {
        nowMs += delayMs;
        take(whole, nowMs, next);
        if (next.do === "reading")
          unjudged.push({ ...next, nowMs, timeMs: nowMs - next.ageMs, isReplayed: true });
        const changes = whole.takeChanges();
        if (isDue) {
          checkpoint = JSON.stringify(whole.export());
          journal = [];
          unjudged = [];
        } else if (changes !== null) {
          journal.push(JSON.parse(JSON.stringify(changes)));
          const known = new Set(changes.series.map(({ labels }) => labels["machine"]));
          unjudged = unjudged.filter(({ machine = 0 }) => !known.has(`m${machine}`));
        }
        const restored = engineOf(...spec(action));
        expect(restored.restore(afterChanges(JSON.parse(checkpoint), journal))).toEqual([]);
        for (const reading of unjudged) expect(send(restored, reading)).toEqual([]);
        expect(inAnyOrder(restored)).toEqual(inAnyOrder(whole));
        expect(restored.takeChanges()).toBe(null);
      }
    }),
    { numRuns: 200 },
  );
});

/** But for how long ago commands were: of those that no step has told of since, the checkpoint knows. */
function inAnyOrder(engine: RuleEngine) {
  const { series, alarms, commands = [] } = engine.export();
  const sorted = (list: readonly unknown[]) => list.map((each) => JSON.stringify(each)).sort();
  return {
    series: sorted(series),
    alarms: sorted(alarms),
    commands: sorted(commands.map(({ rule: name, topic, agesMs }) => [name, topic, agesMs.length])),
  };
}

test("a step tells of its own series, with all rules that look at it, and of nothing else", () => {
  const engine = engineOf(rule({ perMinuteMax: 2 }), {
    ...rule(null),
    name: "hot",
    when: { ...TOO_HOT, limit: 90 },
  });
  expect(engine.takeChanges()).toBe(null);
  send(engine, { nowMs: 1000, value: 70 });
  send(engine, { nowMs: 1000, value: 70, machine: 1 });
  expect(engine.takeChanges()).toBe(null);
  send(engine, { nowMs: 2000, value: 81 });
  expect(engine.takeChanges()).toMatchObject({
    series: [
      { input: "temperature", rule: "overheating", labels: LABELS[0], alarm: { event: { step: 1 } } },
      { input: "temperature", rule: "hot", labels: LABELS[0], alarm: null },
    ],
    commands: [{ rule: "overheating", topic: "factory/alpha/1/m0/command", agesMs: [0] }],
  });
  send(engine, { nowMs: 2100, value: 82 });
  expect(engine.takeChanges()).toBe(null);
});
