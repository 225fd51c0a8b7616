// Rules are taken over while they run: what does not change goes on to the bit, what is gone ends its alarms and says why.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Outcome } from "./outcome.ts";
import { RuleEngine } from "./rule-engine.ts";
import type { ActionSpec, Condition, RuleSpec } from "./rule-spec.ts";

const STOP: ActionSpec = {
  topicTemplate: "f/{machine}/command",
  payload: "STOP",
  confirm: { topic: "f/{machine}/state", equals: "stopped", withinMs: 2_000, match: null },
  retryMax: 2,
  validForMs: 5_000,
  isLatched: true,
  isArmed: true,
  escalateSeverity: 1_000,
  perMinuteMax: 2,
  atLevels: null,
};

function rule(name: string, when: Condition, action: ActionSpec | null = null, metric = "t"): RuleSpec {
  return { name, metric, when, severity: 500, message: name, action };
}

const above = (limit: number): Condition => ({ kind: "above", limit, clear: limit - 5, forAtLeastMs: 0 });
const OVERHEATING = rule("overheating", above(80), STOP);
const SILENT = rule("silent", { kind: "missing", forMs: 3_000, forAtLeastMs: 0 });
const LEVELS = rule("levels", {
  kind: "levels",
  levels: { high: { limit: 70, severity: 300 }, highHigh: { limit: 85, severity: 900 } },
  hysteresis: 2,
  forAtLeastMs: 500,
});
const STEEP = rule("steep", {
  kind: "rateOfChange",
  slope: { kind: "above", limit: 10, clear: 10, forAtLeastMs: 0 },
  perMs: 1_000,
  overMs: 2_000,
});
const STUCK = rule("stuck", { kind: "stuck", forMs: 2_000, within: 1, forAtLeastMs: 0 });
const ALL = [OVERHEATING, SILENT, LEVELS, STEEP, STUCK];
/** Nobody asks for it but the test that adds and removes it. */
const OTHER = rule("other", above(60), { ...STOP, topicTemplate: "f/{machine}/other" });

const engineOf = (rules: readonly RuleSpec[]) =>
  new RuleEngine({ rules, actionMaxAgeMs: 5_000, seriesMax: 10 });

interface Step {
  readonly stepMs: number;
  readonly machine: number;
  readonly value: number;
  readonly isAnswer: boolean;
  readonly isMaintenance: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  stepMs: fc.integer({ min: 0, max: 1_500 }),
  machine: fc.nat(2),
  value: fc.integer({ min: 50, max: 100 }),
  isAnswer: fc.boolean(),
  isMaintenance: fc.boolean(),
});

/** Everything that the rules make of the steps, with what is asked of the engine before one of them. */
function run(
  rules: readonly RuleSpec[],
  steps: readonly Step[],
  before: (engine: RuleEngine, index: number, nowMs: number) => readonly Outcome[] = () => [],
): { readonly outcomes: readonly Outcome[]; readonly engine: RuleEngine } {
  const engine = engineOf(rules);
  const outcomes: Outcome[] = [];
  let nowMs = 1_000_000;
  for (const [index, { stepMs, machine, value, isAnswer, isMaintenance }] of steps.entries()) {
    outcomes.push(...before(engine, index, nowMs));
    nowMs += stepMs;
    const labels = { machine: `m${machine}` };
    const arrival = {
      nowMs,
      monotonicMs: nowMs,
      arrivedMonotonicMs: nowMs,
      isRetained: false,
      isReplayed: false,
    };
    outcomes.push(
      ...engine.onReading(machine, { metric: "t", labels, timeMs: nowMs, value, quality: "good" }, arrival),
      ...engine.onTick({ nowMs, monotonicMs: nowMs, steadyMs: nowMs }),
    );
    if (isAnswer) {
      const payload = new TextEncoder().encode("stopped");
      outcomes.push(
        ...engine.onConfirmation(
          { topic: `f/m${machine}/state`, payload, isRetained: false, arrivedMonotonicMs: nowMs },
          nowMs,
        ),
      );
    }
    if (isMaintenance && index % 5 === 0) {
      const maintenance = { labels, sinceMs: nowMs, untilMs: nowMs + 2_000, by: "x", topic: null };
      outcomes.push(...(engine.beginMaintenance(maintenance) ?? []));
    }
  }
  return { outcomes, engine };
}

const ofRule = (outcomes: readonly Outcome[], names: readonly string[]) =>
  outcomes.filter((outcome) =>
    names.some((name) =>
      outcome.type === "event" ? outcome.event.rule === name : outcome.alarmId.startsWith(`${name}-`),
    ),
  );

test("taking over the same rules at any moment changes nothing at all", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(59), (steps, at) => {
      const plain = run(ALL, steps);
      const changed = run(ALL, steps, (engine, index, nowMs) => {
        if (index !== at) return [];
        const before = engine.export();
        const outcomes = engine.prepareRules(structuredClone(ALL), nowMs)();
        expect(engine.export()).toEqual(before);
        return outcomes;
      });
      expect(changed.outcomes).toEqual(plain.outcomes);
      expect(changed.engine.export()).toEqual(plain.engine.export());
    }),
  );
});

test("a rule that is added, or removed, changes nothing for the others", () => {
  const names = ALL.map(({ name }) => name);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(59), fc.nat(59), (steps, addedAt, removedAt) => {
      const plain = run(ALL, steps);
      const changed = run(ALL, steps, (engine, index, nowMs) => {
        if (index === removedAt) return engine.prepareRules(ALL, nowMs)();
        return index === addedAt ? engine.prepareRules([OTHER, ...ALL], nowMs)() : [];
      });
      expect(ofRule(changed.outcomes, names)).toEqual(plain.outcomes);
      if (removedAt > addedAt && removedAt < steps.length)
        expect(changed.engine.export()).toEqual(plain.engine.export());
    }),
  );
});

test("what is only made ready changes nothing", () => {
  const { engine } = run(
    [OVERHEATING],
    [{ stepMs: 0, machine: 0, value: 90, isAnswer: false, isMaintenance: false }],
  );
  const before = engine.export();
  engine.prepareRules([], 2_000_000);
  expect(engine.export()).toEqual(before);
  expect(engine.watches("t")).toBe(true);
  expect(() => engine.prepareRules([SILENT, SILENT], 0)).toThrow("two are named silent");
});

test("the alarms of a rule that is gone end, latched ones too, with the reason; no answer is awaited any more", () => {
  const hot = { stepMs: 0, machine: 0, value: 90, isAnswer: false, isMaintenance: false };
  const { engine } = run([OVERHEATING, SILENT], [hot]);
  const outcomes = engine.prepareRules([SILENT], 1_000_500)();
  expect(outcomes).toMatchObject([
    {
      type: "event",
      event: { rule: "overheating", isActive: false, isLatched: false, endReason: "rule_removed" },
    },
  ]);
  expect(engine.activeAlarms()).toEqual([]);
  expect(engine.confirmationTopics()).toEqual([]);
  expect(engine.onTick({ nowMs: 1_002_500, monotonicMs: 1_002_500, steadyMs: 1_002_500 })).toEqual([]);
});

test("a changed limit keeps the alarm, its command and the interlock; a condition of another kind ends it", () => {
  const hot = { stepMs: 0, machine: 0, value: 90, isAnswer: false, isMaintenance: false };
  const { engine } = run([OVERHEATING], [hot]);
  expect(engine.prepareRules([{ ...OVERHEATING, when: above(95) }], 1_000_500)()).toEqual([]);
  expect(engine.activeAlarms()).toMatchObject([
    { action: "commanded", isActive: true, command: { attempt: 1 } },
  ]);
  const confirmed = engine.onConfirmation(
    {
      topic: "f/m0/state",
      payload: new TextEncoder().encode("stopped"),
      isRetained: false,
      arrivedMonotonicMs: 1_001_000,
    },
    1_001_000,
  );
  expect(confirmed).toMatchObject([{ event: { action: "confirmed" } }]);
  expect(engine.export().commands).toMatchObject([{ rule: "overheating", topic: "f/m0/command" }]);
  const outcomes = engine.prepareRules([{ ...OVERHEATING, when: STUCK.when }], 1_001_500)();
  expect(outcomes).toMatchObject([{ event: { isActive: false, endReason: "condition_changed" } }]);
});

const HOT = { stepMs: 0, machine: 0, value: 90, isAnswer: false, isMaintenance: false };
const answerTo = (topic: string, nowMs: number) =>
  [
    { topic, payload: new TextEncoder().encode("stopped"), isRetained: false, arrivedMonotonicMs: nowMs },
    nowMs,
  ] as const;

/** Goes on with the other rule, taken over while it runs or after a restart. */
function goOn(engine: RuleEngine, how: "reload" | "restart", after: RuleSpec) {
  if (how === "reload") return { engine, outcomes: engine.prepareRules([after], 1_000_500)() };
  const restarted = engineOf([after]);
  return { engine: restarted, outcomes: restarted.restore(JSON.parse(JSON.stringify(engine.export()))) };
}

/** Of the ticks of the next 20 s. */
function ticks(engine: RuleEngine): readonly Outcome[] {
  const times = Array.from({ length: 20 }, (_, second) => 1_001_000 + second * 1_000);
  return times.flatMap((nowMs) => engine.onTick({ nowMs, monotonicMs: nowMs, steadyMs: nowMs }));
}

const hotAgain = (engine: RuleEngine, nowMs: number) =>
  engine.onReading(
    0,
    { metric: "t", labels: { machine: "m0" }, timeMs: nowMs, value: 91, quality: "good" },
    { nowMs, monotonicMs: nowMs, arrivedMonotonicMs: nowMs, isRetained: false, isReplayed: false },
  );

test.each(["reload", "restart"] as const)(
  "a rule that is disarmed sends nothing more of a command that waits for its answer, and says so: %s",
  (how) => {
    for (const action of [{ ...STOP, isArmed: false }, null]) {
      const before = run([OVERHEATING], [HOT]).engine;
      const { engine, outcomes } = goOn(before, how, { ...OVERHEATING, action });
      expect(outcomes).toMatchObject([
        { type: "event", isActionStep: true, event: { action: "unconfirmed", command: { attempt: 1 } } },
      ]);
      expect(ticks(engine)).toEqual([]);
      expect(hotAgain(engine, 1_030_000)).toEqual([]);
      const answered = engine.onConfirmation(...answerTo("f/m0/state", 1_031_000));
      expect(answered).toMatchObject([{ event: { action: "confirmed" } }]);
    }
  },
);

test("a rule that is disarmed does not repeat a sending that fails", () => {
  const rule = { ...OVERHEATING, action: { ...STOP, confirm: null } };
  const { engine: before, outcomes } = run([rule], [HOT]);
  const { engine } = goOn(before, "reload", { ...rule, action: { ...rule.action, isArmed: false } });
  const [{ commandId }] = outcomes.filter((outcome) => outcome.type === "publish");
  const failed = engine.onPublishFailed(commandId, { nowMs: 1_000_600, monotonicMs: 1_000_600 });
  expect(failed).toMatchObject([{ type: "event", event: { action: "unconfirmed" } }]);
  expect(ticks(engine)).toEqual([]);
});

test.each(["reload", "restart"] as const)(
  "a rule that commands otherwise, or awaits another answer, gives its old command up and sends the new one while it is needed: %s",
  (how) => {
    const confirm = { topic: "f/{machine}/state", equals: "stopped", withinMs: 2_000, match: null };
    for (const changed of [
      { payload: "HALT" },
      { topicTemplate: "g/{machine}/command" },
      { confirm: { ...confirm, topic: "g/{machine}/state" } },
      { confirm: { ...confirm, equals: "halted" } },
      { confirm: { ...confirm, match: { kind: "correlation" as const } } },
      { confirm: null },
    ]) {
      const before = run([OVERHEATING], [HOT]).engine;
      const after = { ...OVERHEATING, action: { ...STOP, ...changed } };
      const { engine, outcomes } = goOn(before, how, after);
      expect(outcomes).toMatchObject([{ isActionStep: true, event: { action: "unconfirmed" } }]);
      expect(ticks(engine)).toEqual([]);
      const [command, event] = hotAgain(engine, 1_030_000);
      expect(command).toMatchObject({
        type: "publish",
        attempt: 1,
        topic: expect.stringMatching(/command$/),
      });
      expect(event).toMatchObject({ event: { action: "commanded", command: { attempt: 1 } } });
    }
  },
);

test.each(["reload", "restart"] as const)(
  "a rule that only waits otherwise goes on with its command: %s",
  (how) => {
    const before = run([OVERHEATING], [HOT]).engine;
    const after = { ...OVERHEATING, action: { ...STOP, retryMax: 1, validForMs: 9_000 } };
    const { engine, outcomes } = goOn(before, how, after);
    expect(outcomes).toEqual([]);
    const later = ticks(engine);
    expect(later.filter(({ type }) => type === "publish")).toMatchObject([{ attempt: 2 }]);
    expect(later.at(-1)).toMatchObject({ event: { action: "unconfirmed" } });
  },
);

test.each(["reload", "restart"] as const)(
  "a rule that is armed while its condition holds acts with the next reading that shows it, once: %s",
  (how) => {
    const dry = { ...OVERHEATING, action: { ...STOP, isArmed: false } };
    const commandsOf = (outcomes: readonly Outcome[]) =>
      outcomes.flatMap((outcome) => (outcome.type === "publish" ? [outcome.attempt] : []));
    // Raised in the dry run; or commanded, then disarmed before there was an answer.
    const raisedDry = run([dry], [HOT]).engine;
    const disarmed = goOn(run([OVERHEATING], [HOT]).engine, how, dry).engine;
    for (const before of [raisedDry, disarmed]) {
      const { engine, outcomes } = goOn(before, how, OVERHEATING);
      // Not on old evidence.
      expect(commandsOf(outcomes)).toEqual([]);
      expect(commandsOf(hotAgain(engine, 1_030_000))).toEqual([1]);
      expect(commandsOf(hotAgain(engine, 1_030_100))).toEqual([]);
      const again = goOn(engine, how, OVERHEATING);
      expect(commandsOf([...again.outcomes, ...hotAgain(again.engine, 1_030_200)])).toEqual([]);
    }
    // What was answered, or is over, is nothing to act on.
    const answered = run([OVERHEATING], [HOT]).engine;
    answered.onConfirmation(...answerTo("f/m0/state", 1_001_000));
    const rearmed = goOn(goOn(answered, how, dry).engine, how, OVERHEATING).engine;
    expect(commandsOf(hotAgain(rearmed, 1_030_000))).toEqual([]);
    const over = run([dry], [HOT, { ...HOT, value: 60 }]).engine;
    expect(goOn(over, how, OVERHEATING).outcomes).toEqual([]);
  },
);

test("a dry run holds no command of the armed rule back; what was sent does, disarmed in between or not", () => {
  const armed = { ...OVERHEATING, action: { ...STOP, isLatched: false, perMinuteMax: 1 } };
  const dry = { ...armed, action: { ...armed.action, isArmed: false } };
  const steps = [90, 60].map((value) => ({ ...HOT, value, stepMs: 100, isAnswer: true }));
  for (const how of ["reload", "restart"] as const) {
    const [first] = hotAgain(goOn(run([dry], steps).engine, how, armed).engine, 1_000_600);
    expect(first).toMatchObject({ type: "publish", attempt: 1 });
    const disarmed = goOn(run([armed], steps).engine, how, dry).engine;
    const again = hotAgain(goOn(disarmed, how, armed).engine, 1_000_600);
    expect(again).toMatchObject([{ event: { heldBack: "at_most_per_minute" } }]);
  }
});

test("a rule whose windows are grouped otherwise ends the alarms of the groups of before", () => {
  const ofWindows = (by: readonly string[]) => ({
    ...rule("crowded", above(80)),
    window: { name: "w", value: "max", by },
  });
  for (const how of ["reload", "restart"] as const) {
    const engine = engineOf([ofWindows(["machine"])]);
    const result = {
      metric: "w.max",
      labels: { machine: "m0" },
      timeMs: 1_000_000,
      value: 90,
      quality: "good",
    } as const;
    const arrival = {
      nowMs: 1_000_000,
      monotonicMs: 0,
      arrivedMonotonicMs: 0,
      isRetained: false,
      isReplayed: false,
    };
    engine.onReading(0, result, arrival);
    expect(engine.activeAlarms()).toHaveLength(1);
    expect(goOn(engine, how, ofWindows(["machine"])).outcomes).toEqual([]);
    const { engine: after, outcomes } = goOn(engine, how, ofWindows(["line"]));
    expect(outcomes).toMatchObject([{ event: { isActive: false, endReason: "condition_changed" } }]);
    expect([after.activeAlarms(), after.export().series]).toEqual([[], []]);
  }
});

test("what the interlock holds back is held for nothing where nothing acts any more, and is said to be held no longer", () => {
  const rule = { ...OVERHEATING, action: { ...STOP, isLatched: false, perMinuteMax: 1 } };
  const steps = [90, 60, 90].map((value) => ({ ...HOT, value, stepMs: 100, isAnswer: true }));
  for (const how of ["reload", "restart"] as const) {
    const before = run([rule], steps).engine;
    expect(before.activeAlarms()).toMatchObject([{ heldBack: "at_most_per_minute" }]);
    const { engine, outcomes } = goOn(before, how, { ...rule, action: null });
    expect(outcomes).toMatchObject([{ isActionStep: true, event: { rule: "overheating", isActive: true } }]);
    expect(engine.activeAlarms()[0].heldBack).toBe(undefined);
  }
});

test("a silence whose length is changed counts from the change: nothing is missed at once", () => {
  const heard = { stepMs: 0, machine: 0, value: 50, isAnswer: false, isMaintenance: false };
  const steps = [heard, ...Array.from({ length: 10 }, () => ({ ...heard, stepMs: 900 }))];
  const { engine } = run([SILENT], steps);
  engine.prepareRules([{ ...SILENT, when: { kind: "missing", forMs: 2_000, forAtLeastMs: 0 } }], 1_009_000)();
  const tick = (nowMs: number) => engine.onTick({ nowMs, monotonicMs: nowMs, steadyMs: nowMs });
  expect([...tick(1_009_900), ...tick(1_010_800)]).toEqual([]);
  expect(tick(1_011_100)).toMatchObject([{ event: { rule: "silent", isActive: true } }]);
});
