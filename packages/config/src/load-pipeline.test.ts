// Pipeline files: the documented example resolves; every mistake is named at its line and column with the way out.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ConfigError } from "./config-error.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { formatProblem, formatWarnings } from "./problem.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-config-"));

const EXAMPLE = `version: 1                      # pipeline.yaml
metrics:
  temperature:
    unit: °C
    from: { topic: "factory/{site}/{line}/{machine}/temperature", json: { value: $.temperature, time: { path: $.ts, unit: ms } } }
    accumulate: [count, mean, min, max, quantiles]
    live: true
windows:
  temperature_1m: { metric: temperature, size: 1m, slide: 10s, by: [site, line], late: { allowed: 7d } }
rules:
  overheating:
    metric: temperature
    when: { above: 80, clearBelow: 75, forAtLeast: 0s }
    severity: 900
    action: { publish: "factory/{site}/{line}/{machine}/command", payload: STOP, confirm: { topic: "factory/{site}/{line}/{machine}/state", equals: stopped, within: 2s }, retry: 3, armed: true }
`;

function load(text: string, env: Record<string, string> = {}) {
  return loadPipeline("p.yaml", { env, readFile: () => text });
}

/** The problems without the file's name. */
function problems(text: string): string[] {
  try {
    load(text);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map((problem) => formatProblem(problem).replace(/^p\.yaml:/, ""));
    throw error;
  }
  return [];
}

test("the example of the design, from a real file", () => {
  const path = join(folder, "pipeline.yaml");
  writeFileSync(path, EXAMPLE);
  const { config, warnings } = loadPipeline(path);
  expect(config.path).toBe(path);
  expect(config.metrics).toMatchObject([
    {
      name: "temperature",
      unit: "°C",
      accumulate: ["count", "mean", "min", "max", "quantiles"],
      isLive: true,
      paneMs: 10_000,
      source: {
        kind: "topic",
        topic: { filter: "factory/+/+/+/temperature", captures: ["site", "line", "machine"] },
        payload: { kind: "json", value: "$.temperature", time: { path: "$.ts", unit: "ms" } },
        hasOwnTime: true,
      },
    },
  ]);
  expect(config.windows).toEqual([
    {
      name: "temperature_1m",
      metric: "temperature",
      kind: "aligned",
      sizeMs: 60_000,
      slideMs: 10_000,
      offsetMs: 0,
      by: ["site", "line"],
      latenessMs: 604_800_000,
    },
  ]);
  expect(config.rules).toEqual([
    {
      name: "overheating",
      metric: "temperature",
      when: { kind: "above", limit: 80, clear: 75, forAtLeastMs: 0 },
      severity: 900,
      message: "temperature is above 80 °C",
      action: {
        topicTemplate: "factory/{site}/{line}/{machine}/command",
        payload: "STOP",
        confirm: {
          topic: "factory/{site}/{line}/{machine}/state",
          equals: "stopped",
          withinMs: 2000,
          match: null,
        },
        retryMax: 3,
        validForMs: 10_000,
        isLatched: true,
        isArmed: true,
        escalateSeverity: 1000,
        perMinuteMax: null,
        atLevels: null,
      },
    },
  ]);
  expect(warnings).toEqual([]);
});

test("a metric's pane is the greatest common divisor of all its windows; none without a window", () => {
  const { config } = load(`version: 1
metrics:
  cpu: { unit: "%", from: { host: cpu } }
  load: { unit: "1", from: { host: load } }
windows:
  a: { metric: cpu, size: 1m }
  b: { metric: cpu, size: 45s, slide: 15s }
`);
  expect(config.metrics.map(({ name, paneMs }) => [name, paneMs])).toEqual([
    ["cpu", 15_000],
    ["load", null],
  ]);
  expect(config.windows[0]).toMatchObject({
    sizeMs: 60_000,
    slideMs: 60_000,
    by: [],
    latenessMs: 604_800_000,
  });
});

test("warnings do not stop: readings without own time, metrics without a window", () => {
  const { warnings } = load(`version: 1
metrics:
  vibration: { unit: mm/s, from: { topic: "a/{machine}/vibration", number: {} } }
`);
  expect(warnings.map(formatProblem)).toEqual([
    "p.yaml:3:3: metric vibration is in no window: its readings only meet rules; add a window, or leave it so",
    "p.yaml:3:28: readings of vibration bring no time of their own and are counted at least once; a plain number cannot: JSON or CSV with a time would be counted exactly once",
  ]);
});

test.each([
  ["limit", "/api/v1/windows and /api/v1/series"],
  ["window", "/api/v1/windows"],
  ["step", "/api/v1/series"],
])(
  "a warning where groups cannot be asked for by their label %s, which the query has itself",
  (label, taken) => {
    const { warnings } = load(`version: 1
metrics:
  m: { unit: g, from: { topic: "a/{line}/{${label}}", json: { value: $.v, time: { path: $.t, unit: ms } } } }
windows:
  w: { metric: m, size: 1s, by: [line, ${label}] }
`);
    expect(warnings.map(formatProblem)).toEqual([
      `p.yaml:5:40: ${label} is a parameter of central's ${taken}: groups cannot be asked for by it there; give the label another name`,
    ]);
  },
);

const metric = (rest: string): string =>
  `version: 1\nmetrics:\n  m: { unit: g, from: { topic: "a/{line}", json: { value: $.v, time: { path: $.t, unit: ms } } }${rest} }\n`;
const source = (rest: string): string =>
  `version: 1\nmetrics:\n  m: { unit: °C, from: { topic: "a/{line}", ${rest} } }\n`;
const window = (rest: string): string => `${metric("")}windows:\n  w: { ${rest} }\n`;
const rule = (rest: string): string => `${metric("")}rules:\n  r: { ${rest} }\n`;

test.each<[string, string, string[]]>([
  [
    "a tab, of which only the first error is said",
    `version: 1\nmetrics:\n  m:\n\t unit: g\n\t from: [\n    live: {\nwindows:\n  w: ]\n${"x: *y\n".repeat(9)}`,
    ["4:1: this is not valid YAML: Tabs are not allowed as indentation; indent with spaces"],
  ],
  [
    "two documents",
    `${metric("")}---\n${metric("")}`,
    ["4:1: this is not valid YAML: a second document begins with ---; a file has one: take it out"],
  ],
  [
    "not YAML",
    "version: 1\nmetrics: [",
    [
      "2:11: this is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]; keys of one map begin in the same column, and a bracket that was opened must be closed",
    ],
  ],
  [
    "a key without a colon",
    "version: 1\nmetrics:\n  m\n  n: {}\n",
    [
      "3:3: this is not valid YAML: Implicit keys need to be on a single line; a colon and a space must follow each key",
    ],
  ],
  [
    "a key that is indented too far",
    "version: 1\n  metrics: {}\n",
    [
      "1:10: this is not valid YAML: Nested mappings are not allowed in compact mappings; a key stands within a value: indent it as its neighbours are, or put a value with a colon in it in quotes",
    ],
  ],
  [
    "an alias without anchor",
    "version: *one\n",
    ["1:10: *one names no anchor; write &one before the value that it repeats"],
  ],
  [
    "a name that no object can have",
    "version: 1\nwindows: { __proto__: { metric: t } }\n",
    ["2:12: nothing can be named __proto__; take another name"],
  ],
  [
    "braces without quotes",
    "version: 1\nmetrics: { {site}: 1 }\n",
    ["2:12: a key must be text; put braces in quotes where they are meant"],
  ],
  ["a key twice", "version: 1\nversion: 1\n", ['2:1: the key "version" is there twice; keep one']],
  [
    "nothing",
    "",
    [
      "1:1: version is missing; it must be 1, the only version so far",
      "1:1: metrics is missing; it must be a map from names to settings",
    ],
  ],
  [
    "a list",
    "- a\n",
    [
      "1:1: the file is a list; it must be a map with the keys version, metrics, windows, rules, zones, evidence, maintenance",
    ],
  ],
  [
    "another version",
    metric("").replace("1", "2"),
    ["1:10: version is 2; it must be 1, the only version so far"],
  ],
  [
    "an unknown key at the top",
    `${metric("")}window: {}\n`,
    ['4:1: unknown key "window"; did you mean windows?'],
  ],
  [
    "an unknown key below",
    metric(", lives: true"),
    ['3:99: unknown key "lives" in metrics.m; did you mean live?'],
  ],
  [
    "an unknown key like no other",
    metric(", zzz: 1"),
    ['3:99: unknown key "zzz" in metrics.m; allowed here: unit, from, accumulate, live'],
  ],
  [
    "a bad name",
    "version: 1\nmetrics:\n  9m: { unit: g, from: { host: cpu } }\n",
    ['3:3: "9m" is not a name here; it must be a letter, then up to 63 letters, digits and underscores'],
  ],
  ["a wrong type", metric(", live: maybe"), ['3:105: metrics.m.live is "maybe"; it must be true or false']],
  [
    "an empty value",
    "version: 1\nmetrics:\n  m:\n    unit:\n    from: { host: cpu }\n",
    ["4:5: metrics.m.unit is empty; it must be text"],
  ],
  [
    "a missing value",
    "version: 1\nmetrics:\n  m: { from: { host: cpu } }\n",
    ["3:3: metrics.m.unit is missing; it must be text"],
  ],
  [
    "a choice mistyped",
    "version: 1\nmetrics:\n  m: { unit: g, from: { host: cpus } }\n",
    [
      '3:31: metrics.m.from.host is "cpus"; did you mean cpu? It must be one of cpu, memory, load, disk, network, temperature',
    ],
  ],
  [
    "a wildcard in a topic",
    metric("").replace("{line}", "+"),
    [
      '3:32: metrics.m.from.topic is "a/+"; it must be a topic without + and #, its changing levels as {names}, such as factory/{site}/{line}/temperature',
    ],
  ],
  [
    "a name twice in a topic",
    metric("").replace("a/{line}", "a/{line}/{line}"),
    ["3:32: this is no topic: {line} stands twice"],
  ],
  [
    "no payload",
    'version: 1\nmetrics:\n  m: { unit: g, from: { topic: "a/b" } }\n',
    [
      "3:17: from has a topic and no payload; it must be one of number: {}, json: { value: … }, csv, senml and influx",
    ],
  ],
  [
    "topic and host",
    'version: 1\nmetrics:\n  m: { unit: g, from: { topic: "a/b", number: {}, host: cpu } }\n',
    ["3:51: host stands alone; remove it, or the topic and its payload"],
  ],
  [
    "sparkplug and host",
    "version: 1\nmetrics:\n  m: { unit: g, from: { sparkplug: { group: a, node: b, metric: c }, host: cpu } }\n",
    ["3:25: sparkplug stands alone; remove it, or what stands beside it"],
  ],
  [
    "no level of Sparkplug's ids",
    'version: 1\nmetrics:\n  m: { unit: g, from: { sparkplug: { group: a/b, node: "x{line}", metric: "{" } } }\n',
    [
      '3:45: metrics.m.from.sparkplug.group is "a/b"; it must be a name of one level, or {name} for any',
      '3:56: metrics.m.from.sparkplug.node is "x{line}"; it must be a name of one level, or {name} for any',
      '3:75: metrics.m.from.sparkplug.metric is "{"; it must be a name, its changing parts as {names} with something between them, such as Motor/{motor}/Temperature',
    ],
  ],
  [
    "two of Sparkplug's ids that capture the same",
    'version: 1\nmetrics:\n  m: { unit: g, from: { sparkplug: { group: "{a}", node: "{a}", metric: c } } }\n',
    ["3:25: {a} stands twice"],
  ],
  [
    "a label that Sparkplug's ids capture too",
    'version: 1\nmetrics:\n  m: { unit: g, from: { sparkplug: { group: a, node: "{line}", metric: "T/{line}" } } }\n',
    ["3:64: group, node or device capture line already; keep one of the two"],
  ],
  [
    "two payloads",
    source("number: {}, json: { value: $.v }"),
    [
      "3:18: from has a topic and number and json; it must be one of number: {}, json: { value: … }, csv, senml and influx",
    ],
  ],
  [
    "no path of arrays",
    source('json: { each: "$.a[x]", value: $.v }'),
    [
      '3:59: metrics.m.from.json.each is "$.a[x]"; it must be a path such as $.readings or $.machines[*].readings',
    ],
  ],
  [
    "a name with a blank that is not in brackets",
    source('json: { value: "$.flow rate" }'),
    [
      '3:60: metrics.m.from.json.value is "$.flow rate"; it must be a path such as $.temperature, $.values[0] or $["flow rate"]',
    ],
  ],
  [
    "a label that the topic captures too",
    source("json: { value: $.v, time: { path: $.t, unit: ms }, labels: { line: $.l } }"),
    ["3:106: the topic captures line already; keep one of the two"],
  ],
  [
    "a column that columns lacks",
    source("csv: { columns: [time, kg], value: kgs, time: { column: time, unit: s } }"),
    ["3:80: columns has no kgs; did you mean kg?"],
  ],
  [
    "a column twice",
    source("csv: { columns: [kg, kg], value: kg, time: { column: kg, unit: s } }"),
    ["3:66: kg stands twice; rename one"],
  ],
  [
    "a long delimiter",
    source('csv: { delimiter: ";;", value: kg }'),
    ['3:63: metrics.m.from.csv.delimiter is ";;"; it must be one character such as "," or ";"'],
  ],
  [
    "captures that touch",
    source('senml: { name: "a{x}{y}" }'),
    [
      '3:60: metrics.m.from.senml.name is "a{x}{y}"; it must be a name, its changing parts as {names} with something between them, such as urn:dev:ow:{device}:temperature',
    ],
  ],
  [
    "no precision of line protocol",
    source("influx: { measurement: m, field: f, precision: iso }"),
    ['3:92: metrics.m.from.influx.precision is "iso"; it must be one of s, ms, us, ns'],
  ],
  [
    "no number and no finite one",
    source("senml: { name: a }, scale: .nan, offset: .inf"),
    [
      "3:72: metrics.m.from.scale is not a number; it must be a number other than 0",
      "3:86: metrics.m.from.offset is infinite; it must be a number",
    ],
  ],
  [
    "scale 0",
    source("senml: { name: a }, scale: 0"),
    ["3:72: metrics.m.from.scale is 0; it must be a number other than 0"],
  ],
  [
    "an unknown unit",
    source("senml: { name: a }, convert: { from: °X }"),
    ["3:82: °X is no known unit; °C is converted from °C, C, Cel, degC, ℃, °F, F, degF, ℉, K"],
  ],
  [
    "a unit of something else",
    source("senml: { name: a }, convert: { from: bar }"),
    ["3:82: bar cannot become °C; it is converted from °C, C, Cel, degC, ℃, °F, F, degF, ℉, K"],
  ],
  [
    "an unknown accumulator",
    metric(", accumulate: [count, median]"),
    [
      '3:119: metrics.m.accumulate[1] is "median"; did you mean mean? It must be one of count, sum, min, max, range, mean, first, last, quantiles, distinct, topk, increase, timeMean, distance, distinctMany, { histogram: [10, 20] } and { ratio: { above: 80 } }',
    ],
  ],
  [
    "bounds that do not ascend",
    metric(", accumulate: [{ histogram: [2, 1] }]"),
    ["3:129: bound 1 stands behind 2: each must be greater than the one before; sort them, each once"],
  ],
  [
    "a ratio that is no number",
    metric(", accumulate: [{ ratio: { above: hot } }]"),
    ['3:130: "hot" is no limit: above must be a finite number'],
  ],
  [
    "two ratios, whose results have one name",
    metric(", accumulate: [{ ratio: { above: 1 } }, count, { ratio: { below: 2 } }]"),
    [
      "3:144: m accumulates ratio twice, and their results would have the same names; keep one, or make a metric of its own for the other",
    ],
  ],
  [
    "a counter's increase over several series",
    `${metric(", accumulate: [increase]")}windows:\n  w: { metric: m, size: 1s, by: [site] }\n`,
    ["5:33: m accumulates increase, which is of one series; name all its labels here (line is missing)"],
  ],
  [
    "one value read twice",
    `${metric("")}${metric("").split("\n")[2].replace("m:", "n:").replace("line", "press")}\n`,
    ["4:32: metric m already reads the same value of the same topics; give n another topic or json.value"],
  ],
  ["an unknown metric", window("metric: n, size: 1s"), ["5:16: there is no metric n; did you mean m?"]],
  [
    "a duration without unit",
    window("metric: m, size: 10"),
    [
      "5:25: windows.w.size is 10; it must be a duration from 100ms to 31d, such as 250ms, 10s, 1m, 24h or 7d",
    ],
  ],
  [
    "a window too short",
    window("metric: m, size: 50ms"),
    [
      '5:25: windows.w.size is "50ms"; it must be a duration from 100ms to 31d, such as 250ms, 10s, 1m, 24h or 7d',
    ],
  ],
  [
    "panes too short",
    window("metric: m, size: 1s, slide: 130ms"),
    [
      "5:36: the windows of m would need panes of 10ms; sizes, slides, offsets and gaps of one metric must be multiples of a common 100ms or more",
    ],
  ],
  [
    "a reading in too many windows",
    window("metric: m, size: 1d, slide: 10s"),
    [
      "5:36: each reading would be in 8640 windows, and each of them is kept and shown; 10s must be at least size / 3600, 24s",
    ],
  ],
  [
    "a slide longer than the size",
    window("metric: m, size: 1s, slide: 2s"),
    [
      "5:36: slide 2s is longer than size 1s: readings between windows would be in none; it must be at most size",
    ],
  ],
  [
    "neither size nor session",
    window("metric: m, slide: 1s"),
    ["5:3: a window needs size, or session: { gap: … }"],
  ],
  [
    "an offset as long as the slide",
    window("metric: m, size: 10s, slide: 5s, offset: 5s"),
    ["5:49: offset 5s must be less than 5s, the distance between starts"],
  ],
  [
    "an offset as long as the size",
    window("metric: m, size: 10s, offset: 20s"),
    ["5:38: offset 20s must be less than 10s, the distance between starts"],
  ],
  [
    "an offset that needs short panes",
    window("metric: m, size: 10s, offset: 30ms"),
    [
      "5:38: the windows of m would need panes of 10ms; sizes, slides, offsets and gaps of one metric must be multiples of a common 100ms or more",
    ],
  ],
  [
    "an unknown time zone",
    window("metric: m, size: 1d, timeZone: Europe/Brelin"),
    ["5:39: there is no time zone Europe/Brelin; did you mean Europe/Berlin?"],
  ],
  [
    "a time zone that is none",
    window('metric: m, size: 1d, timeZone: "+02:00"'),
    ["5:39: there is no time zone +02:00; it must be an IANA name such as Europe/Berlin"],
  ],
  [
    "hours of a time zone",
    window("metric: m, size: 1h, timeZone: Europe/Berlin"),
    ["5:29: a time zone makes days of its own; size must be 1d, or without timeZone"],
  ],
  [
    "sliding days of a time zone",
    window("metric: m, size: 1d, slide: 1h, offset: 1m, timeZone: Europe/Berlin"),
    [
      "5:29: days of a time zone begin at midnight there; remove slide",
      "5:40: days of a time zone begin at midnight there; remove offset",
    ],
  ],
  [
    "a session with a size",
    window("metric: m, size: 1m, session: { gap: 30s }"),
    ["5:19: a session is as long as its readings make it; remove size"],
  ],
  [
    "a gap shorter than the shortest pane",
    window("metric: m, session: { gap: 50ms }"),
    [
      '5:35: windows.w.session.gap is "50ms"; it must be a duration from 100ms to 7d, such as 250ms, 10s, 1m, 24h or 7d',
    ],
  ],
  [
    "a gap that fits no pane of the others",
    `${window("metric: m, session: { gap: 1050ms }")}  v: { metric: m, size: 1s }\n`,
    [
      "6:25: the windows of m would need panes of 50ms; sizes, slides, offsets and gaps of one metric must be multiples of a common 100ms or more",
    ],
  ],
  [
    "a session hardly longer than its gap",
    window("metric: m, session: { gap: 30s, longest: 40s }"),
    ["5:49: longest 40s must be 2 to 100000 times gap 30s"],
  ],
  [
    "a gap too short for the greatest length",
    window("metric: m, session: { gap: 500ms }"),
    ["5:35: longest 1d must be 2 to 100000 times gap 500ms"],
  ],
  [
    "a label that nothing captures",
    window("metric: m, size: 1s, by: [site, lin]"),
    ["5:40: lin is no label of m; did you mean line?"],
  ],
  [
    "neither above nor below",
    rule("metric: m, when: {}, severity: 1"),
    [
      "5:19: when has no condition; it must have one of above, below, levels, rateOfChange, stuck, missing, zone, distinct",
    ],
  ],
  [
    "clearBelow not below",
    rule("metric: m, when: { above: 80, clearBelow: 80 }, severity: 1"),
    ["5:50: clearBelow 80 is not below above 80; it must be less, or left out"],
  ],
  [
    "clearAbove not above",
    rule("metric: m, when: { below: 10, clearAbove: 5 }, severity: 1"),
    ["5:50: clearAbove 5 is not above below 10; it must be more, or left out"],
  ],
  [
    "the other limit's clear",
    rule("metric: m, when: { above: 80, clearAbove: 90 }, severity: 1"),
    ["5:38: clearAbove belongs to below; with above it is clearBelow"],
  ],
  [
    "severity out of range",
    rule("metric: m, when: { above: 80 }, severity: 0"),
    ["5:50: rules.r.severity is 0; it must be a whole number from 1 to 1000"],
  ],
  [
    "an action's unknown label",
    rule('metric: m, when: { above: 80 }, severity: 1, action: { publish: "c/{machine}", payload: STOP }'),
    ["5:72: {machine} is no label of m; there are line, site"],
  ],
  [
    "a number as payload",
    rule('metric: m, when: { above: 80 }, severity: 1, action: { publish: "c/{line}", payload: 0 }'),
    ["5:93: rules.r.action.payload is 0; it must be text: put it in quotes"],
  ],
  [
    "a lower escalation",
    rule(
      'metric: m, when: { above: 80 }, severity: 9, action: { publish: "c", payload: x, escalateSeverity: 8 }',
    ),
    ["5:107: escalateSeverity 8 is less than severity 9; it must be at least that"],
  ],
])("%s", (_name, text, expected) => {
  expect(problems(text)).toEqual(expected);
});

test("Sparkplug metrics of nodes and of devices, with the labels of all that captures", () => {
  const { config, warnings } = load(`version: 1
metrics:
  a: { unit: g, from: { sparkplug: { group: "{site}", node: n1, device: "{machine}", metric: "M/{motor}/T" }, scale: 2 } }
  b: { unit: g, from: { sparkplug: { group: g, node: "{line}", metric: Load } } }
windows:
  w: { metric: a, size: 1m, by: [site, machine, motor] }
  v: { metric: b, size: 1m, by: [line] }
`);
  expect(warnings).toEqual([]);
  const [of, node] = config.metrics.map(({ source }) => source);
  expect(of).toMatchObject({ kind: "sparkplug", isOfDevice: true, adjustment: { scale: 2 } });
  expect(node).toMatchObject({ kind: "sparkplug", isOfDevice: false });
  if (of.kind !== "sparkplug" || node.kind !== "sparkplug") throw new Error("not of Sparkplug");
  expect(of.source.match("alpha/n1/m7")).toEqual({ site: "alpha", machine: "m7" });
  expect(of.metric.match("M/drive/T")).toEqual(["drive"]);
  expect(node.source.match("g/l1")).toEqual({ line: "l1" });
});

test("windows with an offset, days of a time zone and sessions", () => {
  const { config } = load(`${window("metric: m, size: 1h, slide: 30m, offset: 15m")}
  days: { metric: m, size: 1d, timeZone: Asia/Kathmandu }
  run: { metric: m, session: { gap: 90s }, late: { allowed: 1h } }
`);
  const base = { metric: "m", by: [], latenessMs: 604_800_000 };
  expect(config.windows).toEqual([
    { ...base, name: "w", kind: "aligned", sizeMs: 3_600_000, slideMs: 1_800_000, offsetMs: 900_000 },
    { ...base, name: "days", kind: "day", timeZone: "Asia/Kathmandu" },
    { ...base, name: "run", kind: "session", gapMs: 90_000, lengthMsMax: 86_400_000, latenessMs: 3_600_000 },
  ]);
  expect(config.metrics[0]).toMatchObject({ paneMs: 90_000 });
  expect(config.metrics[0].accumulate).toEqual(["count", "mean", "min", "max", "sum", "first", "last"]);
});

test("all errors at once, in order of the file, also what only the sound parts show", () => {
  const text = `version: 1
metrics:
  a: { unit: g, from: { host: cpus } }
windows:
  w: { metric: b, size: 1s }
  v: { metric: a, size: 1 }
`;
  expect(problems(text).map((problem) => problem.split(" ", 1)[0])).toEqual(["3:31:", "5:16:", "6:25:"]);
});

test("the error shows the line with a caret under the place", () => {
  const text = EXAMPLE.replace("clearBelow: 75", "clearBelow: 85");
  expect.assertions(1);
  try {
    load(text);
  } catch (error) {
    expect(error instanceof ConfigError && error.explain())
      .toBe(`cannot use configuration p.yaml: 1 error to correct
p.yaml:13:36: clearBelow 85 is not below above 80; it must be less, or left out
   13 |     when: { above: 80, clearBelow: 85, forAtLeast: 0s }
      |                                    ^
  → correct the lines named above; every key is described in docs/config.md, a plan's in docs/simulator.md (config_invalid)`);
  }
});

test("variables are text, and numbers where a number is needed", () => {
  const text = rule('metric: m, when: { above: "${LIMIT:-80}" }, severity: 1, message: "${TEXT}"');
  const { config } = load(text, { TEXT: "42" });
  expect(config.rules[0]).toMatchObject({ message: "42", when: { limit: 80 } });
  expect(load(text, { LIMIT: "7.5", TEXT: "x" }).config.rules[0].when).toMatchObject({
    limit: 7.5,
  });
  expect(problems(text)).toEqual([
    "5:74: environment variable TEXT is not set; set it, or write ${TEXT:-default}",
  ]);
});

test("a file that is not UTF-8 is refused where it is not, instead of read with other characters", () => {
  const path = join(folder, "latin1.yaml");
  writeFileSync(path, Buffer.from(EXAMPLE, "latin1"));
  expect(() => loadPipeline(path)).toThrow(`${path}:4:11: this is not UTF-8; save the file in that encoding`);
  writeFileSync(path, Buffer.from(EXAMPLE, "utf16le"));
  expect(() => loadPipeline(path)).toThrow(ConfigError);
});

test("a file that is not there is config_unreadable", () => {
  const path = join(folder, "none.yaml");
  expect(() => loadPipeline(path)).toThrow(`cannot read configuration ${path}: there is no such file`);
});

test("several warnings are one line: the first, and where the others are", () => {
  const warnings = [1, 2, 3].map((line) => ({
    path: "p.yaml",
    line,
    column: 1,
    message: `m${line}`,
    excerpt: "",
  }));
  expect(formatWarnings([])).toBe(null);
  expect(formatWarnings(warnings.slice(0, 1))).toBe("p.yaml:1:1: m1");
  expect(formatWarnings(warnings)).toBe("p.yaml:1:1: m1 (and 2 more: `millrace-agent check` shows all)");
});
