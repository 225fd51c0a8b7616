// Whatever is heard, the suggested pipeline loads; and what it says it reads it does read.
import { loadPipeline } from "@millrace/config";
import { parseTopicTemplate, Payload } from "@millrace/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { TopicRoutes } from "../intake/topic-routes.ts";
import { payloadShape } from "./payload-shape.ts";
import { SuggestedNames } from "./suggested-names.ts";
import { suggestedPipeline } from "./suggested-pipeline.ts";
import { suggestMetrics } from "./suggest-metrics.ts";
import { TopicLog } from "./topic-log.ts";

const NOW_MS = 1_700_000_000_000;
const bytes = (text: string) => new TextEncoder().encode(text);

function suggestionOf(messages: readonly (readonly [string, string])[]) {
  const log = new TopicLog();
  for (const [topic, payload] of messages) log.hear(topic, bytes(payload), false);
  return suggestMetrics(log.topics(), { site: "alpha", nowMs: NOW_MS, names: new SuggestedNames() });
}

function pipelineOf(messages: readonly (readonly [string, string])[]) {
  const text = suggestedPipeline(suggestionOf(messages));
  return loadPipeline("pipeline.yaml", { readFile: () => text, env: {} }).config;
}

test("a topic that a terminal may not be sent is written with its codes, and the pipeline loads", () => {
  const topic = "hall\u001B[2J\u202E\u009B\u{E0001}/temperature";
  const messages = [
    [topic, "71.5"],
    [`${topic}/state`, "running"],
  ] as const;
  const text = suggestedPipeline(suggestionOf(messages));
  expect(text).not.toMatch(/[^\P{C}\n]/u);
  expect(text).toContain("\\u202e");
  expect(pipelineOf(messages).metrics).toHaveLength(1);
});

test("machines of lines become labels; plain numbers are named by their topic, others by their keys", () => {
  const messages = [1, 2, 3].flatMap((machine) => [
    [`factory/alpha/line-1/press-${machine}/temperature`, "71.5"] as const,
    [`factory/alpha/line-1/press-${machine}/state`, "running"] as const,
    [
      `factory/alpha/line-1/press-${machine}`,
      JSON.stringify({ ts: NOW_MS, pressure: 4, motor: { rpm: 1500, on: true }, q: "good", id: 7 }),
    ] as const,
  ]);
  const { metrics, unread } = suggestionOf(messages);
  const labels = ["site", "line", "press"];
  const json = {
    topic: "factory/{site}/{line}/{press}",
    filter: "factory/+/+/+",
    labels,
    isUnitTold: false,
    topicCount: 3,
  };
  const payload = (value: string) => ({
    kind: "json",
    value,
    time: { path: "$.ts", unit: "ms" },
    quality: { path: "$.q" },
  });
  expect(metrics).toEqual([
    { ...json, name: "pressure", unit: "bar", payload: payload("$.pressure") },
    { ...json, name: "rpm", unit: "1/min", payload: payload("$.motor.rpm") },
    {
      name: "temperature",
      unit: "°C",
      topic: "factory/{site}/{line}/{press}/temperature",
      filter: "factory/+/+/+/temperature",
      labels,
      payload: { kind: "number" },
      isUnitTold: false,
      topicCount: 3,
    },
  ]);
  expect(unread.map(({ why }) => why)).toEqual(
    Array(3).fill("neither a number, JSON, line protocol nor CSV"),
  );
  const { metrics: loaded, windows } = pipelineOf(messages);
  expect(loaded.map(({ name }) => name)).toEqual(["pressure", "rpm", "temperature"]);
  expect(windows.map(({ name, by }) => [name, by])).toContainEqual(["temperature_1m", ["site", "line"]]);
});

test.each([
  ["seconds", { t: NOW_MS / 1000, v: 1 }, "s"],
  ["microseconds", { time: NOW_MS * 1000, v: 1 }, "us"],
  ["text", { timestamp: "2023-11-14T22:13:20Z", v: 1 }, "iso"],
  ["text without a zone", { datetime: "2023-11-14 22:13:20", v: 1 }, "iso"],
  ["a date alone, whose time of day is elsewhere", { date: "2023-11-14", v: 1 }, undefined],
  ["a number that is no time of now", { t: 20, v: 1 }, undefined],
])("a time in %s", (_name, payload, unit) => {
  const shape = payloadShape([bytes(JSON.stringify(payload))], NOW_MS);
  const time = unit === undefined ? {} : { time: { path: `$.${Object.keys(payload)[0]}`, unit } };
  const values = shape.kind === "readable" ? shape.values.map((value) => value.payload) : [];
  expect(values).toContainEqual({ kind: "json", value: "$.v", ...time });
});

/** Metrics of the suggested pipeline: name, unit, labels, and the values that they read of the messages. */
function readBySuggestion(messages: readonly (readonly [string, string])[]) {
  const { metrics } = pipelineOf(messages);
  const labelsOf = new Map(suggestionOf(messages).metrics.map(({ name, labels }) => [name, labels]));
  const routes = new TopicRoutes({ metrics, site: "alpha", confirmationFilters: [] });
  const values = new Map<string, number[]>(metrics.map(({ name }) => [name, []]));
  for (const [topic, payload] of messages) {
    const resolved = routes.resolve(topic);
    if (typeof resolved !== "object") continue;
    for (const { metric, decoder } of resolved)
      for (const read of decoder.decode(new Payload(bytes(payload), NOW_MS)))
        if (read.ok) values.get(metric.name)?.push(read.value);
  }
  return metrics.map(({ name, unit }) => ({
    name,
    unit,
    labels: labelsOf.get(name),
    values: values.get(name),
  }));
}

test.each<[string, (readonly [string, string])[], ReturnType<typeof readBySuggestion>]>([
  [
    "several values that say their units, named by what they stand in",
    [
      [
        "plant/press-1/state",
        `{"ts":${NOW_MS},"temperature":{"value":71.5,"unit":"C"},"torque":{"v":4,"unit":"Nm"},"rpm":9}`,
      ],
    ],
    [
      { name: "temperature", unit: "°C", labels: ["press"], values: [71.5] },
      { name: "torque", unit: "Nm", labels: ["press"], values: [4] },
      { name: "rpm", unit: "1/min", labels: ["press"], values: [9] },
    ],
  ],
  [
    "a value that says its unit, named by its topic",
    [
      ["plant/press-1/temp", `{"value":71.5,"unit":"C","ts":${NOW_MS}}`],
      ["plant/press-2/temp", `{"value":72.5,"unit":"C","ts":${NOW_MS}}`],
      ["plant/press-1/torque", `{"value":9,"unit":"Nm","ts":${NOW_MS}}`],
    ],
    [
      { name: "temp", unit: "°C", labels: ["press"], values: [71.5, 72.5] },
      { name: "torque", unit: "Nm", labels: ["press"], values: [9] },
    ],
  ],
  [
    "objects in a list",
    [["plant/hall", `{"ts":${NOW_MS},"sensors":[{"id":"s1","val":1.5},{"id":"s2","val":2.5}]}`]],
    [{ name: "hall", unit: "1", labels: ["id"], values: [1.5, 2.5] }],
  ],
  [
    "a list of objects",
    [["plant/hall", '[{"machine":"a","temp":1},{"machine":"b","temp":2}]']],
    [{ name: "temp", unit: "°C", labels: ["machine"], values: [1, 2] }],
  ],
  [
    "a SenML pack",
    [
      [
        "senml/gw",
        `[{"bn":"urn:dev:ow:10e2:","bt":${NOW_MS / 1000},"n":"temp","u":"Cel","v":23.5},{"n":"hum","u":"%RH","v":40}]`,
      ],
    ],
    [
      { name: "temp", unit: "°C", labels: ["device"], values: [23.5] },
      { name: "hum", unit: "%", labels: ["device"], values: [40] },
    ],
  ],
  [
    "line protocol",
    [
      [
        "tele/gw",
        `cpu,host=gw-1 idle=97.5,state="up" ${NOW_MS}000000\npower,host=gw-1 value=3i ${NOW_MS}000000`,
      ],
    ],
    [
      { name: "cpu_idle", unit: "1", labels: ["host"], values: [97.5] },
      { name: "power", unit: "W", labels: ["host"], values: [3] },
    ],
  ],
  [
    "CSV with a line of columns",
    [["csv/rig", "time;machine;pressure\n2023-11-14 22:13:20;m1;4.5\n2023-11-14 22:13:21;m2;5\n"]],
    [{ name: "pressure", unit: "bar", labels: ["machine"], values: [4.5, 5] }],
  ],
  [
    "CSV without one, told by its time",
    [["csv/rig", `${NOW_MS},21.5,3`]],
    [
      { name: "column2", unit: "1", labels: [], values: [21.5] },
      { name: "column3", unit: "1", labels: [], values: [3] },
    ],
  ],
  ["a number with a decimal comma, which may be anything", [["a/b", "21,5"]], []],
])("what is suggested for %s reads it", (_name, messages, metrics) => {
  expect(readBySuggestion(messages)).toEqual(metrics);
});

test("a label that topic and payload give is the topic's", () => {
  expect(readBySuggestion([["plant/press-1", '[{"press":"1","temp":1},{"press":"2","temp":2}]']])).toEqual([
    { name: "temp", unit: "°C", labels: ["press"], values: [1, 2] },
  ]);
});

const level = fc.oneof(
  fc.constantFrom("alpha", "line-1", "line-2", "press-7", "temperature", "a b", "größe", "$x", "x{y}"),
  fc.string({ maxLength: 6 }).filter((text) => !/[/+#\0]/.test(text)),
);
const value = fc.oneof(fc.double(), fc.constantFrom(NOW_MS, "good", true, null), fc.string({ maxLength: 5 }));
const payload = fc.oneof(
  fc.double({ noNaN: true }).map(String),
  fc
    .dictionary(
      fc.oneof(fc.constantFrom("t", "q", "temp", "a.b", "${X}"), fc.string({ maxLength: 5 })),
      value,
    )
    .map((json) => JSON.stringify(json)),
  fc
    .array(fc.dictionary(fc.constantFrom("t", "n", "v", "bn", "on", "site", "a b"), value, { minKeys: 1 }), {
      minLength: 1,
      maxLength: 3,
    })
    .chain((list) => fc.constantFrom<unknown>(list, { list }))
    .map((json) => JSON.stringify(json)),
  fc
    .tuple(
      fc.constantFrom("m", "m,on=x", "m,site=y,a=b", "${X}"),
      fc.constantFrom("v=1", "v=1i,b=t", 's="x"'),
    )
    .map((parts) => parts.join(" ")),
  fc
    .array(fc.array(fc.constantFrom("a", "t", "1", "2.5", "", "x y"), { minLength: 2, maxLength: 3 }), {
      minLength: 1,
      maxLength: 3,
    })
    .map((rows) => rows.map((row) => row.join(";")).join("\n")),
  fc.json(),
  fc.string(),
);
const message = fc.tuple(
  fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/")),
  payload,
);

test("any messages give a pipeline that loads, and every topic that is not listed as unread is read by it", () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
      const { metrics } = pipelineOf(messages);
      const unread = new Set(suggestionOf(messages).unread.map(({ topic }) => topic));
      const routes = new TopicRoutes({ metrics, site: "alpha", confirmationFilters: [] });
      for (const [topic, payload] of new Map(messages)) {
        if (unread.has(topic)) continue;
        expect(parseTopicTemplate(topic).ok).toBe(true);
        const resolved = routes.resolve(topic);
        // The level of the site may hold other sites' names, too.
        if (resolved === "wrong_site") continue;
        const decoded =
          typeof resolved === "object"
            ? resolved.flatMap(({ decoder }) =>
                decoder.decode(new Payload(bytes(payload), NOW_MS)).map(({ ok }) => ok),
              )
            : [];
        expect(decoded).toContain(true);
      }
    }),
    { numRuns: 500 },
  );
});

test("topics are bounded; those beyond are counted", () => {
  const log = new TopicLog();
  for (let number = 0; number < 10_005; number++) log.hear(`t/${number}`, bytes("1"), false);
  expect([log.topics().length, log.messageCount, log.unheardCount]).toEqual([10_000, 10_005, 5]);
});
