// Conditions, actions and maintenance: what is written resolves, and nonsense is named at its place with the way out.
import { expect, test } from "vitest";
import { ConfigError } from "./config-error.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { formatProblem } from "./problem.ts";

const METRIC = `version: 1
metrics:
  m: { unit: bar, from: { topic: "f/{line}/m", json: { value: $.v, time: { path: $.t, unit: ms } } } }
`;
const rule = (when: string, rest = ""): string =>
  `${METRIC}rules:\n  r: { metric: m, severity: 500, when: ${when}${rest} }\n`;

function load(text: string) {
  return loadPipeline("p.yaml", { env: {}, readFile: () => text }).config;
}

function problems(text: string): string[] {
  try {
    load(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => formatProblem(problem).replace(/^p\.yaml:/, ""));
  }
  return [];
}

test("every condition resolves, with its unit and its words", () => {
  expect(
    load(rule("{ levels: { high: { limit: 8 }, highHigh: { limit: 9, severity: 900 } }, hysteresis: 0.5 }"))
      .rules,
  ).toMatchObject([
    {
      when: {
        kind: "levels",
        levels: { high: { limit: 8, severity: 500 }, highHigh: { limit: 9, severity: 900 } },
        hysteresis: 0.5,
        forAtLeastMs: 0,
      },
      message: "m is out of its limits",
    },
  ]);
  expect(
    load(rule("{ rateOfChange: { below: -2, clearAbove: -1, per: 1s, over: 10s }, forAtLeast: 3s }")).rules,
  ).toMatchObject([
    {
      when: {
        kind: "rateOfChange",
        slope: { kind: "below", limit: -2, clear: -1, forAtLeastMs: 3000 },
        perMs: 1000,
        overMs: 10_000,
      },
      unit: "bar/1s",
      message: "m changes by less than -2 bar per 1s",
    },
  ]);
  expect(load(rule("{ stuck: { for: 60s } }")).rules).toMatchObject([
    { when: { kind: "stuck", forMs: 60_000, within: 0 }, message: "m has not moved for 1m" },
  ]);
  expect(load(rule("{ missing: { for: 30s } }")).rules).toMatchObject([
    { when: { kind: "missing", forMs: 30_000 }, unit: "s", message: "m has sent nothing for 30s" },
  ]);
});

test("interlock, acting levels and the escalation above every level", () => {
  const action = ', action: { publish: "c/{line}", payload: STOP, atMostPerMinute: 3, atLevels: [highHigh] }';
  const levels = "{ levels: { high: { limit: 8 }, highHigh: { limit: 9, severity: 850 } } }";
  expect(load(rule(levels, action)).rules[0].action).toMatchObject({
    perMinuteMax: 3,
    atLevels: ["highHigh"],
    escalateSeverity: 950,
  });
});

test("a rule on a window that central judges resolves, also of windows that no agent could watch", () => {
  const all = "at: central, window: run, value: p99, reportingAtLeast: 0.8, latch: true, when: { above: 70 }";
  const { rules, windowRules } = load(windowRule(all));
  expect(rules).toEqual([]);
  expect(windowRules).toMatchObject([
    {
      metric: "m",
      window: { name: "run", value: "p99" },
      judgedAt: "complete",
      reportingMin: 0.8,
      isLatched: true,
      action: null,
      message: "p99 of run is above 70 bar",
    },
  ]);
  expect(
    load(windowRule("at: central, window: w, state: final, when: { missing: { for: 3m } }")).windowRules,
  ).toMatchObject([{ judgedAt: "final", isLatched: false, message: "w has sent nothing for 3m", unit: "s" }]);
  expect(
    load(windowRule("window: w, value: p99, when: { rateOfChange: { above: 3, per: 1m } }")).rules,
  ).toMatchObject([{ when: { kind: "rateOfChange", overMs: null, perMs: 60_000 } }]);
});

test.each([
  [
    "of single readings",
    "at: central, metric: m, when: { above: 1 }",
    "9:25: central has windows, and no single readings; give window and value instead of metric",
  ],
  [
    "with an action",
    'at: central, window: w, value: mean, when: { above: 1 }, action: { publish: "c", payload: x }',
    "9:78: central judges the rule, and only agents act; remove action",
  ],
  [
    "whose silence is shorter than its windows",
    "at: central, window: hour, when: { missing: { for: 1h } }",
    "9:72: for 1h is too short to tell silence from the next of hour that is still to come; it must be at least 2h",
  ],
  [
    "with silence and a value",
    "at: central, window: w, value: mean, when: { missing: { for: 5m } }",
    "9:45: missing looks at no result; remove value",
  ],
  [
    "with a share of agents for windows that are not waited for",
    "at: central, window: w, value: mean, state: final, reportingAtLeast: 0.5, when: { above: 1 }",
    "9:72: reportingAtLeast belongs to state complete, and this is final; remove one of them",
  ],
  [
    "that is not judged there",
    "window: w, value: mean, state: final, when: { above: 1 }",
    "9:45: state belongs to a window that central judges; give at: central, or remove it",
  ],
  [
    "on readings, with a latch",
    "metric: m, latch: true, when: { above: 1 }",
    "9:32: latch belongs to a window that central judges; remove it",
  ],
  [
    "on readings, with a rate over nothing",
    "metric: m, when: { rateOfChange: { above: 1, per: 1s } }",
    "9:40: rateOfChange has no over; give the span of time whose slope it is",
  ],
])("a rule of central %s", (_name, rest, expected) => {
  expect(problems(windowRule(rest))).toEqual([expected]);
});

test("the unit 1 is not said", () => {
  const text = rule("{ above: 8 }").replace("unit: bar", 'unit: "1"');
  expect(load(text).rules).toMatchObject([{ message: "m is above 8" }]);
});

test("a maintenance topic resolves; without one there is none", () => {
  expect(load(METRIC).maintenance).toBe(null);
  const text = `${METRIC}maintenance: { topic: "f/{line}/service", equals: "on" }\n`;
  expect(load(text).maintenance).toMatchObject({
    equals: "on",
    longestMs: 86_400_000,
    topic: { captures: ["line"] },
  });
});

test("a maintenance topic with a label that is nearly another's is refused, also beside the gateway's own sensors", () => {
  const host = '  cpu: { unit: "1", from: { host: cpu }, accumulate: [mean] }\n';
  for (const text of [METRIC, METRIC + host]) {
    const topic = `maintenance: { topic: "maint/{lin}", equals: "on" }\n`;
    expect(() => load(text + topic)).toThrow("{lin} is no label of any metric; did you mean line?");
  }
});

const WINDOWED = `version: 1
metrics:
  m: { unit: bar, from: { topic: "f/{line}/m", json: { value: $.v, time: { path: $.t, unit: ms } } }, accumulate: [mean, quantiles] }
windows:
  w: { metric: m, size: 1m, by: [line] }
  hour: { metric: m, size: 1h }
  run: { metric: m, session: { gap: 10s } }
rules:
`;
const windowRule = (rest: string): string => `${WINDOWED}  r: { severity: 1, ${rest} }\n`;

test("a rule on a window's result resolves to its metric, its words and the result's unit", () => {
  expect(load(windowRule("window: w, value: p95, when: { above: 70 }")).rules).toMatchObject([
    { metric: "m", window: { name: "w", value: "p95" }, message: "p95 of w is above 70 bar" },
  ]);
  expect(load(windowRule("window: w, value: count, when: { below: 5 }")).rules).toMatchObject([
    { unit: "", message: "count of w is below 5" },
  ]);
});

test.each([
  [
    "neither metric nor window",
    "when: { above: 1 }",
    "9:3: the rule has neither metric nor window; it must have one of them",
  ],
  [
    "both",
    "metric: m, window: w, value: mean, when: { above: 1 }",
    "9:3: the rule has both metric and window; it must have one of them",
  ],
  [
    "a value of a metric",
    "metric: m, value: mean, when: { above: 1 }",
    "9:32: value belongs to window; remove it",
  ],
  [
    "an unknown window",
    "window: v, value: mean, when: { above: 1 }",
    "9:29: there is no window v; did you mean w?",
  ],
  [
    "an unknown value",
    "window: w, value: p96, when: { above: 1 }",
    "9:39: the window has no p96; did you mean p90?",
  ],
  [
    "no value",
    "window: w, when: { above: 1 }",
    "9:3: the rule has a window and no value; it must be one of count, mean, stddev, p50, p90, p95, p99",
  ],
  [
    "a long window",
    "window: hour, value: mean, when: { above: 1 }",
    "9:29: hour is 1h long; an agent's rules watch windows with a size of at most 10m; give at: central",
  ],
  [
    "sessions",
    "window: run, value: mean, when: { above: 1 }",
    "9:29: run has sessions; an agent's rules watch windows with a size of at most 10m; give at: central",
  ],
  [
    "missing results",
    "window: w, value: mean, when: { missing: { for: 1m } }",
    "9:53: of windows only central judges silence; give at: central, or metric instead of window",
  ],
  [
    "a label that the window is not grouped by",
    'window: w, value: mean, when: { above: 1 }, action: { publish: "c/{site}", payload: x }',
    "9:84: {site} is no label of w; there are line",
  ],
])("a window rule with %s", (_name, rest, expected) => {
  expect(problems(windowRule(rest))).toEqual([expected]);
});

test.each([
  [
    "two conditions",
    rule("{ above: 1, stuck: { for: 1m } }"),
    [
      "5:34: when has both above and stuck; it must have one of above, below, levels, rateOfChange, stuck, missing, zone, distinct",
    ],
  ],
  [
    "levels out of order",
    rule("{ levels: { high: { limit: 9 }, highHigh: { limit: 8 } } }"),
    ["5:91: highHigh 8 is not above high 9; it must be more"],
  ],
  [
    "a hysteresis wider than the levels",
    rule("{ levels: { low: { limit: 2 }, high: { limit: 3 } }, hysteresis: 1 }"),
    ["5:105: hysteresis 1 reaches from high 3 to low 2; it must be less than the distance of any two levels"],
  ],
  [
    "a hysteresis of nothing",
    rule("{ above: 1, hysteresis: 1 }"),
    ["5:52: hysteresis belongs to levels; remove it"],
  ],
  [
    "an outer level that is less severe",
    rule("{ levels: { high: { limit: 8 }, highHigh: { limit: 9, severity: 400 } } }"),
    ["5:104: highHigh has severity 400, less than 500 of high; the outer level must be at least as severe"],
  ],
  ["no level", rule("{ levels: {} }"), ["5:42: levels is empty; give one of lowLow, low, high, highHigh"]],
  [
    "a rate per more than its span",
    rule("{ rateOfChange: { above: 1, per: 1m, over: 10s } }"),
    ["5:73: per 1m is longer than over 10s, which could not show such a rate; it must be at most that"],
  ],
  [
    "a rate without a limit",
    rule("{ rateOfChange: { per: 1s, over: 10s } }"),
    ["5:42: rateOfChange has neither above nor below; it must have one of them"],
  ],
  [
    "a rate's clear limit outside it",
    rule("{ rateOfChange: { above: 1, per: 1s, over: 10s }, clearBelow: 0 }"),
    ["5:90: clearBelow of a rate belongs into rateOfChange; move it there"],
  ],
  [
    "a clear limit of nothing",
    rule("{ missing: { for: 30s }, clearBelow: 0 }"),
    ["5:65: clearBelow belongs to above; remove it"],
  ],
  [
    "a negative band",
    rule("{ stuck: { for: 30s, within: -1 } }"),
    ["5:69: rules.r.when.stuck.within is -1; it must be a number from 0"],
  ],
  [
    "an action at a level that is not there",
    rule("{ levels: { high: { limit: 8 } } }", ", action: { publish: c, payload: x, atLevels: [highHigh] }"),
    ["5:121: when has no level highHigh; did you mean high?"],
  ],
  [
    "acting levels without levels",
    rule("{ above: 8 }", ", action: { publish: c, payload: x, atLevels: [high] }"),
    ["5:88: atLevels belongs to levels; remove it"],
  ],
  [
    "an id without its value",
    rule(
      "{ above: 8 }",
      ", action: { publish: c, payload: x, confirm: { topic: s, equals: y, within: 1s, id: $.id } }",
    ),
    [
      "5:132: id needs value, where in the answer stands what `equals` says; give both, such as `id: $.id, value: $.state`",
    ],
  ],
  [
    "an id and correlation data",
    rule(
      "{ above: 8 }",
      ", action: { publish: c, payload: x, confirm: { topic: s, equals: y, within: 1s, id: $.id, value: $.s, correlation: true } }",
    ),
    ["5:154: an answer names its command by id or by correlation; give one"],
  ],
  [
    "a command's id in the topic that it goes to",
    rule("{ above: 8 }", ', action: { publish: "c/{commandId}", payload: x }'),
    ["5:73: {commandId} is no label of m; there are line, site"],
  ],
  [
    "a maintenance of labels that nothing has",
    `${METRIC}maintenance: { topic: "f/{lin}/service", equals: "on" }\n`,
    ["4:23: {lin} is no label of any metric; did you mean line?"],
  ],
])("%s", (_name, text, expected) => {
  expect(problems(text)).toEqual(expected);
});

const action = (rest: string): string => rule("{ above: 8 }", `, action: { payload: STOP, ${rest} }`);
const warnings = (text: string) =>
  loadPipeline("p.yaml", { env: {}, readFile: () => text }).warnings.map(({ message }) => message);

test("a command to where its own metric reads is refused, and one that may be read so is a warning", () => {
  expect(problems(action('publish: "f/{line}/m"'))).toEqual([
    "5:88: publish is f/{line}/m, where the rule's own metric reads: every command would be a reading; publish to another topic",
  ]);
  const windowed = `windows:\n  w: { metric: m, size: 1m, by: [line] }\n`;
  const ofWindow = action('publish: "f/{line}/m"').replace("r: { metric: m,", "r: { window: w, value: mean,");
  expect(problems(ofWindow.replace("rules:", `${windowed}rules:`))).toHaveLength(1);
  expect(warnings(action('publish: "f/{line}/stop"').replace("f/{line}/m", "f/{line}/{what}"))).toContain(
    "commands to f/{line}/stop come as readings of the rule's own metric, which reads f/{line}/{what}; publish to another topic",
  );
  expect(warnings(action('publish: "f/{line}/stop"')).join()).not.toContain("commands to");
});

test("repetitions that alone exceed the interlock are a warning", () => {
  const repeated = (retry: number, within: string) =>
    warnings(
      action(
        `publish: "f/{line}/c", confirm: { topic: s, equals: y, within: ${within} }, retry: ${retry}, atMostPerMinute: 3`,
      ),
    ).filter((warning) => warning.includes("repetitions"));
  expect(repeated(9, "2s")).toEqual([
    "one command and its repetitions are 10 a minute, atMostPerMinute is 3: the others wait, and so does every other command to the machine; lower retry, or raise within or atMostPerMinute",
  ]);
  expect(repeated(9, "25s")).toEqual([]);
  expect(repeated(9, "15s")).toHaveLength(1);
  expect(repeated(2, "2s")).toEqual([]);
});

test("a command that would confirm itself is refused, and an answer on the command's topic is a warning", () => {
  const confirm = (equals: string) =>
    action(`publish: "f/{line}/c", confirm: { topic: "f/{line}/c", equals: ${equals}, within: 1s }`);
  expect(problems(confirm("STOP"))).toEqual([
    "5:120: f/{line}/c is where the command goes, and the command is STOP too: it would confirm itself; give the topic where the machine answers",
  ]);
  const byId = (value: string) =>
    action(
      `publish: "f/{line}/c", confirm: { topic: "f/{line}/c", equals: STOP, within: 1s, id: $.id, value: ${value} }`,
    );
  expect(problems(byId("$.command"))).toHaveLength(1);
  expect(problems(byId("$.state"))).toEqual([]);
  expect(warnings(confirm("stopped"))).toContain(
    "f/{line}/c is where the command goes: the machine would have to answer there; give the topic where it answers",
  );
});

test("what waits for an answer that nobody is to give is a warning", () => {
  const unanswered = action('publish: "f/{line}/c", retry: 2, escalateSeverity: 900');
  expect(warnings(unanswered).filter((warning) => warning.includes("not confirmed"))).toEqual([
    "retry is of a command that is not confirmed, and confirm is not there: it is sent once; give confirm, or remove retry",
    "escalateSeverity is of a command that is not confirmed, and confirm is not there: it is sent once; give confirm, or remove escalateSeverity",
  ]);
});
