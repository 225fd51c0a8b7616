// What conditions make of actions: levels that act, commands held back by the interlock, maintenance, silence.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { AlarmEvent } from "./alarm-event.ts";
import { NOTHING, type Outcome, type PublishOutcome } from "./outcome.ts";
import { RuleEngine, type RuleReading } from "./rule-engine.ts";
import type { ActionSpec, Condition, RuleSpec } from "./rule-spec.ts";

const LABELS = [0, 1].map((machine) => ({ site: "alpha", machine: `m${machine}` }));
const STOP: ActionSpec = {
  topicTemplate: "factory/{site}/{machine}/command",
  payload: "STOP",
  confirm: null,
  retryMax: 2,
  validForMs: 5000,
  isLatched: false,
  isArmed: true,
  escalateSeverity: 1000,
  perMinuteMax: null,
  atLevels: null,
};
const ABOVE: Condition = { kind: "above", limit: 80, clear: 75, forAtLeastMs: 0 };
const LEVELS: Condition = {
  kind: "levels",
  levels: { high: { limit: 80, severity: 500 }, highHigh: { limit: 95, severity: 900 } },
  hysteresis: 5,
  forAtLeastMs: 0,
};
const ANSWER = { topic: "factory/{site}/{machine}/state", equals: "stopped", withinMs: 2000, match: null };
const MISSING: Condition = { kind: "missing", forMs: 30_000, forAtLeastMs: 0 };

/** An engine with clocks of its own: `passMs` lets time pass, ticking as an agent does. */
class Plant {
  readonly #rule: RuleSpec;
  engine: RuleEngine;
  nowMs = 1_000_000;
  monotonicMs = 500;

  constructor(when: Condition, action: Partial<ActionSpec> | null = {}) {
    this.#rule = {
      name: "hot",
      metric: "temperature",
      when,
      severity: 500,
      message: "hot",
      action: action === null ? null : { ...STOP, ...action },
    };
    this.engine = this.#newEngine();
  }

  #newEngine(): RuleEngine {
    return new RuleEngine({ rules: [this.#rule], actionMaxAgeMs: 5000, seriesMax: 100 });
  }

  send(value: number, machine = 0, how: Partial<RuleReading> = {}): readonly Outcome[] {
    const reading = {
      metric: "temperature",
      labels: LABELS[machine],
      timeMs: this.nowMs,
      value,
      quality: "good" as const,
    };
    return this.engine.onReading(
      machine,
      { ...reading, ...how },
      {
        nowMs: this.nowMs,
        monotonicMs: this.monotonicMs,
        arrivedMonotonicMs: this.monotonicMs,
        isRetained: false,
        isReplayed: false,
      },
    );
  }

  tick(): readonly Outcome[] {
    return this.engine.onTick({
      nowMs: this.nowMs,
      monotonicMs: this.monotonicMs,
      steadyMs: this.monotonicMs,
    });
  }

  passMs(durationMs: number, stepMs = 500): readonly Outcome[] {
    const out: Outcome[] = [];
    for (let passedMs = 0; passedMs < durationMs; passedMs += stepMs) {
      this.nowMs += stepMs;
      this.monotonicMs += stepMs;
      out.push(...this.tick());
    }
    return out;
  }

  restart(monotonicMs = 100): readonly Outcome[] {
    const state = JSON.parse(JSON.stringify(this.engine.export()));
    this.engine = this.#newEngine();
    this.monotonicMs = monotonicMs;
    const out = this.engine.restore(state);
    this.tick();
    return out;
  }

  maintain(labels: Record<string, string>, forMs = 3_600_000, topic: string | null = null) {
    const untilMs = this.monotonicMs + forMs;
    return this.engine.beginMaintenance({ labels, untilMs, sinceMs: this.monotonicMs, by: "a", topic });
  }
}

const commands = (outcomes: readonly Outcome[]): PublishOutcome[] =>
  outcomes.filter((outcome) => outcome.type === "publish");
const events = (outcomes: readonly Outcome[]): AlarmEvent[] =>
  outcomes.flatMap((outcome) => (outcome.type === "event" ? [outcome.event] : []));
const last = (outcomes: readonly Outcome[]): AlarmEvent => events(outcomes).at(-1)!;

test("levels are one alarm that escalates and de-escalates, with each level's severity and limit", () => {
  const plant = new Plant(LEVELS, null);
  const first = last(plant.send(81));
  expect(first).toMatchObject({ level: "high", severity: 500, limit: 80, isHistorical: false });
  expect(last(plant.send(96))).toMatchObject({ id: first.id, step: 2, level: "highHigh", severity: 900 });
  expect(plant.send(92)).toBe(NOTHING);
  expect(last(plant.send(85))).toMatchObject({ id: first.id, level: "high", severity: 500, limit: 80 });
  expect(last(plant.send(70))).toMatchObject({ id: first.id, isActive: false, level: "high" });
});

test("an action for the outer level waits for it, acts at each step into it, once, and not inside", () => {
  const plant = new Plant(LEVELS, { atLevels: ["highHigh"] });
  expect(commands(plant.send(81))).toEqual([]);
  expect(commands(plant.send(96))).toHaveLength(1);
  expect(commands(plant.send(97))).toEqual([]);
  expect(commands(plant.send(85))).toEqual([]);
  expect(commands(plant.send(96))).toHaveLength(1);
});

test("an action for all levels acts once, not again as it escalates", () => {
  const plant = new Plant(LEVELS);
  expect(commands(plant.send(81))).toHaveLength(1);
  expect(commands(plant.send(96))).toEqual([]);
  expect(commands(plant.send(85))).toEqual([]);
});

test("an outer level that only a bad reading has shown acts with the next good one beyond it", () => {
  const plant = new Plant(LEVELS, { atLevels: ["highHigh"] });
  expect(last(plant.send(96, 0, { quality: "bad" }))).toMatchObject({
    isHistorical: true,
    level: "highHigh",
  });
  const inside = plant.send(93);
  expect(commands(inside)).toEqual([]);
  expect(last(inside)).toMatchObject({ isHistorical: false });
  expect(plant.send(93)).toEqual([]);
  expect(commands(plant.send(96))).toHaveLength(1);
});

test("not more commands a minute than allowed: the next is held, said once, and sent by time while it is needed", () => {
  const plant = new Plant(ABOVE, { perMinuteMax: 2 });
  for (let i = 0; i < 2; i++) {
    expect(commands(plant.send(81))).toHaveLength(1);
    plant.send(70);
    plant.passMs(1000);
  }
  const held = plant.send(81);
  expect(commands(held)).toEqual([]);
  expect(held).toMatchObject([
    { isActionStep: true, event: { heldBack: "at_most_per_minute", isLatched: false } },
  ]);
  expect(plant.send(82)).toEqual([]);
  expect(commands(plant.send(81, 1))).toHaveLength(1);
  expect(plant.passMs(57_500)).toEqual([]);
  const sent = plant.passMs(1000);
  expect(commands(sent)).toHaveLength(1);
  expect(last(sent)).toMatchObject({ action: "commanded" });
  expect(last(sent)).not.toHaveProperty("heldBack");
  expect(commands(plant.passMs(120_000))).toEqual([]);
});

test("a held command that is not needed any more is not sent, and the audit trail says so", () => {
  const plant = new Plant(ABOVE, { perMinuteMax: 1 });
  plant.send(81);
  plant.send(70);
  plant.send(81);
  expect(plant.send(70)).toMatchObject([{ isActionStep: true, event: { isActive: false } }]);
  expect(plant.passMs(120_000)).toEqual([]);
});

test("a restart does not forget what the interlock has counted, and sends nothing held on old evidence", () => {
  const plant = new Plant(ABOVE, { perMinuteMax: 1 });
  plant.send(81);
  plant.send(70);
  plant.send(81);
  expect(plant.restart()).toEqual([]);
  expect(commands(plant.send(82))).toEqual([]);
  const again = new Plant(ABOVE, { perMinuteMax: 1 });
  again.send(81);
  again.send(70);
  again.send(81);
  again.restart();
  expect(commands(again.passMs(120_000))).toEqual([]);
  expect(commands(again.send(82))).toHaveLength(1);
});

test("the latency of a held command counts from the reading that was held first", () => {
  const plant = new Plant(ABOVE, { perMinuteMax: 1 });
  plant.send(81);
  plant.send(70);
  plant.passMs(10_000);
  plant.send(82);
  plant.passMs(20_000);
  plant.send(83);
  expect(commands(plant.passMs(120_000))).toMatchObject([{ latencyMs: 50_000 }]);
});

test("a retry waits for its place, and gives up where it is needed no more", () => {
  for (const isOver of [false, true]) {
    const plant = new Plant(ABOVE, { confirm: ANSWER, perMinuteMax: 2, retryMax: 3 });
    expect(commands(plant.send(90))).toHaveLength(1);
    expect(commands(plant.passMs(2_000))).toMatchObject([{ attempt: 2 }]);
    if (isOver) plant.send(70);
    const waited = plant.passMs(57_500);
    expect(commands(waited)).toEqual([]);
    if (isOver) expect(last(waited)).toMatchObject({ action: "unconfirmed", severity: 1000 });
    const attempts = commands(plant.passMs(120_000)).map(({ attempt }) => attempt);
    expect(attempts).toEqual(isOver ? [] : [3, 4]);
  }
});

test("never more than the bound within any minute of one machine", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.boolean()), { maxLength: 60 }),
      fc.boolean(),
      (perMinuteMax, steps, isAnswerAwaited) => {
        const plant = new Plant(ABOVE, { perMinuteMax, confirm: isAnswerAwaited ? ANSWER : null });
        const sentAtMs: number[] = [];
        for (const [halfSeconds, isHot] of steps) {
          for (let i = 0; i < halfSeconds; i++)
            for (const _ of commands(plant.passMs(500))) sentAtMs.push(plant.monotonicMs);
          for (const _ of commands(plant.send(isHot ? 90 : 60))) sentAtMs.push(plant.monotonicMs);
        }
        for (const from of sentAtMs)
          expect(sentAtMs.filter((ms) => ms >= from && ms < from + 60_000).length).toBeLessThanOrEqual(
            perMinuteMax,
          );
      },
    ),
    { numRuns: 100 },
  );
});

test("in maintenance an alarm is suppressed and never acts; after it the next reading that needs it does", () => {
  const plant = new Plant(ABOVE);
  expect(plant.maintain({ machine: "m0" })).toEqual([]);
  const held = plant.send(90);
  expect(commands(held)).toEqual([]);
  expect(held).toMatchObject([
    { isActionStep: true, event: { isActive: true, isSuppressed: true, heldBack: "maintenance" } },
  ]);
  expect(plant.send(91)).toEqual([]);
  expect(commands(plant.send(90, 1))).toHaveLength(1);
  expect(last(plant.engine.endMaintenance({ labels: { machine: "m0" } })!)).not.toHaveProperty(
    "isSuppressed",
  );
  expect(commands(plant.passMs(2000))).toEqual([]);
  expect(commands(plant.send(92))).toHaveLength(1);
});

test("what a maintenance had left counts from the restart, whatever the clock says then, until that is proven", () => {
  for (const wasProven of [false, true])
    for (const aheadMs of [3_600_000, -3_600_000]) {
      const plant = new Plant(ABOVE);
      plant.tick();
      if (wasProven) plant.engine.shiftMaintenance(0);
      plant.maintain({ machine: "m0" }, 60_000);
      plant.passMs(20_000);
      const endMs = plant.monotonicMs + 40_000;
      plant.restart(plant.monotonicMs + 5_000 + aheadMs);
      expect(commands(plant.passMs(4_500))).toEqual([]);
      expect(commands(plant.send(90))).toEqual([]);
      // The clock is set right, as central says.
      plant.monotonicMs -= aheadMs;
      plant.engine.shiftMaintenance(-aheadMs);
      plant.tick();
      const untilMs = plant.engine.maintenances()[0].untilMs;
      expect(untilMs).toBe(wasProven ? endMs : endMs + 5_000);
      plant.passMs(untilMs - plant.monotonicMs - 500);
      expect(commands(plant.send(91))).toEqual([]);
      plant.passMs(500);
      expect(commands(plant.send(92))).toHaveLength(1);
    }
});

test("a thousand topics, even such as are not believed any more, keep no person from a maintenance", () => {
  const plant = new Plant(ABOVE);
  const say = (topic: number) => plant.maintain({ machine: `x${topic}` }, 60_000, `f/x${topic}`);
  for (let topic = 0; topic < 1_000; topic += 1) expect(say(topic)).not.toBeNull();
  expect(say(1_000)).toBeNull();
  plant.passMs(60_000);
  expect(plant.engine.overdueTopics()).toHaveLength(1_000);
  expect(say(1_000)).toBeNull();
  expect(plant.maintain({ machine: "m0" })).not.toBeNull();
  plant.engine.endMaintenance({ topic: "f/x0" });
  expect(say(1_000)).not.toBeNull();
});

test("what was over by the end of the maintenance is not acted on", () => {
  const plant = new Plant(ABOVE);
  plant.maintain({});
  plant.send(90);
  plant.send(70);
  expect(plant.engine.endMaintenance("all")).toEqual([]);
  expect(plant.send(70)).toBe(NOTHING);
});

test("maintenance stops the repetitions of a command under way; a late answer still counts", () => {
  const confirm = { topic: "factory/{site}/{machine}/state", equals: "stopped", withinMs: 2000, match: null };
  const plant = new Plant(ABOVE, { confirm });
  expect(commands(plant.send(90))).toHaveLength(1);
  expect(last(plant.maintain({})!)).toMatchObject({ isSuppressed: true, heldBack: "maintenance" });
  expect(commands(plant.passMs(20_000))).toEqual([]);
  const payload = new TextEncoder().encode("stopped");
  const topic = "factory/alpha/m0/state";
  expect(
    last(
      plant.engine.onConfirmation(
        { topic, payload, isRetained: false, arrivedMonotonicMs: plant.monotonicMs },
        plant.nowMs,
      ),
    ),
  ).toMatchObject({
    action: "confirmed",
  });
});

test.each([
  [
    "by its field",
    { match: { kind: "json", id: ["for", "id"], value: ["state"] } },
    (id: string) => ({ payload: JSON.stringify({ state: "stopped", for: { id } }) }),
  ],
  ["by its text", { equals: "stopped {commandId}" }, (id: string) => ({ payload: `stopped ${id}` })],
  [
    "by its topic",
    { topic: "factory/{site}/{machine}/done/{commandId}" },
    (id: string) => ({ payload: "stopped", topic: `factory/alpha/m0/done/${id}` }),
  ],
  [
    "by its correlation data",
    { match: { kind: "correlation" } },
    (id: string) => ({ payload: "stopped", correlation: id }),
  ],
] as const)(
  "an answer confirms the command that it names, %s, after a restart too, and no later one",
  (_how, confirm, answerTo) => {
    const plant = new Plant(ABOVE, { confirm: { ...ANSWER, match: null, ...confirm } });
    const answer = (id: string) => {
      const { payload, ...rest } = answerTo(id);
      const said = {
        topic: "factory/alpha/m0/state",
        isRetained: false,
        arrivedMonotonicMs: plant.monotonicMs,
      };
      return plant.engine.onConfirmation(
        { ...said, ...rest, payload: new TextEncoder().encode(payload) },
        plant.nowMs,
      );
    };
    const [first] = commands(plant.send(90));
    // Its answer is on its way when the next one goes out.
    plant.send(70);
    plant.passMs(10_000);
    const [second] = commands(plant.send(91));
    expect(second.commandId).not.toBe(first.commandId);
    expect(answer(first.commandId)).toEqual([]);
    expect(answer("another")).toEqual([]);
    plant.restart();
    expect(answer(first.commandId)).toEqual([]);
    expect(last(answer(second.commandId))).toMatchObject({
      action: "confirmed",
      command: { id: second.commandId },
    });
    const topics = plant.engine.confirmationTopics();
    expect(topics).toEqual(["topic" in confirm ? "factory/+/+/done/+" : "factory/+/+/state"]);
  },
);

test.each([
  "stopped",
  "{",
  "null",
  "[]",
  '{"id":1}',
  '{"state":"stopped"}',
  '{"id":{"x":1},"state":"stopped"}',
])("an answer that names no command confirms none where it is to name it: %s", (payload) => {
  const match = { kind: "json", id: ["id"], value: ["state"] } as const;
  const plant = new Plant(ABOVE, { confirm: { ...ANSWER, match } });
  plant.send(90);
  const said = { topic: "factory/alpha/m0/state", isRetained: false, arrivedMonotonicMs: plant.monotonicMs };
  expect(
    plant.engine.onConfirmation({ ...said, payload: new TextEncoder().encode(payload) }, plant.nowMs),
  ).toEqual([]);
});

test("maintenance ends by itself, by steady time, also over a restart and a jump of the wall clock", () => {
  const plant = new Plant(ABOVE);
  plant.maintain({ machine: "m0" }, 10_000);
  plant.send(90);
  plant.nowMs += 3_600_000;
  expect(events(plant.tick())).toEqual([]);
  plant.restart();
  expect(plant.engine.maintenances()).toHaveLength(1);
  expect(commands(plant.send(91))).toEqual([]);
  expect(last(plant.passMs(12_000))).not.toHaveProperty("isSuppressed");
  expect(plant.engine.maintenances()).toEqual([]);
  expect(commands(plant.send(92))).toHaveLength(1);
});

test("a topic that goes on saying so after its time is not believed again before it has said otherwise", () => {
  const plant = new Plant(ABOVE);
  expect(plant.maintain({ machine: "m0" }, 1000, "m0/service")).toEqual([]);
  expect(plant.maintain({ machine: "m0" }, 9000, "m0/service")).toBe(null);
  plant.passMs(2000);
  expect(plant.engine.maintenances()).toEqual([]);
  plant.restart();
  expect(plant.maintain({ machine: "m0" }, 1000, "m0/service")).toBe(null);
  expect(plant.engine.endMaintenance({ topic: "m0/service" })).toBe(null);
  expect(plant.maintain({ machine: "m0" }, 1000, "m0/service")).toEqual([]);
});

test("a missing series raises by the clock and acts; the next reading clears; wall clock and standstill do not count", () => {
  const plant = new Plant(MISSING);
  plant.send(1);
  plant.nowMs += 3_600_000;
  expect(plant.tick()).toBe(NOTHING);
  plant.monotonicMs += 600_000;
  expect(plant.tick()).toBe(NOTHING);
  const raised = plant.passMs(30_000);
  expect(commands(raised)).toHaveLength(1);
  expect(last(raised)).toMatchObject({ isActive: true, limit: 30, isHistorical: false });
  expect(last(raised).value).toBeGreaterThanOrEqual(30);
  plant.nowMs -= 7_200_000;
  expect(last(plant.send(1, 0, { quality: "bad" }))).toMatchObject({ isActive: false, value: 0 });
});

test("a restart raises nothing missing before the full time, and keeps what was missing without acting again", () => {
  const plant = new Plant(MISSING);
  plant.send(1);
  plant.passMs(20_000);
  plant.send(1, 1);
  plant.passMs(20_000);
  expect(plant.restart()).toEqual([]);
  expect(plant.engine.activeAlarms().map(({ labels }) => labels)).toEqual([LABELS[0]]);
  expect(plant.passMs(29_500)).toEqual([]);
  const later = plant.passMs(1000);
  expect(commands(later)).toHaveLength(1);
  expect(last(later).labels).toEqual(LABELS[1]);
});

test("a retired series that is missing is forgotten with its alarm; another is not", () => {
  const plant = new Plant(MISSING, null);
  plant.send(1);
  plant.send(1, 1);
  plant.passMs(31_000);
  expect(plant.engine.forget({ machine: "m7" }, plant.nowMs)).toEqual([]);
  expect(last(plant.engine.forget({ machine: "m0" }, plant.nowMs))).toMatchObject({ isActive: false });
  plant.restart();
  expect(plant.engine.activeAlarms().map(({ labels }) => labels)).toEqual([LABELS[1]]);
});

test("what holds its condition and has fallen silent is forgotten too, of every kind; what speaks is not", () => {
  const STUCK: Condition = { kind: "stuck", forMs: 2000, within: 0, forAtLeastMs: 0 };
  for (const when of [ABOVE, LEVELS, STUCK]) {
    const plant = new Plant(when, null);
    for (const machine of [0, 1, 0, 1]) {
      plant.send(96, machine);
      plant.passMs(1000);
    }
    expect(plant.engine.activeAlarms()).toHaveLength(2);
    const isSilent = (_: string, { machine }: Record<string, string>) => machine === "m0";
    const ended = plant.engine.forget({ site: "alpha" }, plant.nowMs, isSilent);
    expect(events(ended)).toMatchObject([{ labels: LABELS[0], isActive: false }]);
    plant.restart();
    expect(plant.engine.activeAlarms().map(({ labels }) => labels)).toEqual([LABELS[1]]);
    plant.send(60);
    plant.send(96);
    plant.passMs(2000);
    plant.send(96);
    expect(plant.engine.activeAlarms()).toHaveLength(2);
  }
});

test("an alarm of a condition that was changed to another kind ends at the restore", () => {
  const before = new Plant(ABOVE);
  before.send(90);
  const after = new Plant(MISSING);
  expect(events(after.engine.restore(JSON.parse(JSON.stringify(before.engine.export()))))).toMatchObject([
    { step: 2, isActive: false },
  ]);
});

test("restored at every point, rules with levels, interlock and maintenance do what uninterrupted ones do", () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(60, 74, 78, 81, 90, 94, 96, 99) },
    { weight: 1, arbitrary: fc.constantFrom("tick", "begin", "end", "reset") },
  );
  const actions = fc.record({
    isLatched: fc.boolean(),
    perMinuteMax: fc.constantFrom(null, 1, 2),
    atLevels: fc.constantFrom(null, ["highHigh" as const]),
  });
  fc.assert(
    fc.property(actions, fc.array(step, { maxLength: 60 }), (action, steps) => {
      const whole = new Plant(LEVELS, action);
      const broken = new Plant(LEVELS, action);
      const take = (plant: Plant, next: (typeof steps)[number]): readonly Outcome[] | null => {
        if (typeof next === "number") return plant.send(next);
        if (next === "begin") return plant.maintain({ machine: "m0" });
        if (next === "end") return plant.engine.endMaintenance("all");
        return next === "reset" ? plant.engine.reset("all", plant.nowMs) : plant.tick();
      };
      for (const next of steps) {
        broken.restart();
        whole.monotonicMs = broken.monotonicMs;
        expect(take(broken, next)).toEqual(take(whole, next));
      }
      expect(broken.engine.activeAlarms()).toEqual(whole.engine.activeAlarms());
    }),
    { numRuns: 300 },
  );
});
