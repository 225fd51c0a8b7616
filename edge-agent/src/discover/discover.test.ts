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
    time: { path: "$.ts", unit: "ms" },
    quality: "$.q",
    topicCount: 3,
  };
  expect(metrics).toEqual([
    { ...json, name: "pressure", unit: "bar", value: "$.pressure" },
    { ...json, name: "rpm", unit: "1/min", value: "$.motor.rpm" },
    {
      name: "temperature",
      unit: "°C",
      topic: "factory/{site}/{line}/{press}/temperature",
      filter: "factory/+/+/+/temperature",
      labels,
      value: null,
      time: null,
      quality: null,
      topicCount: 3,
    },
  ]);
  expect(unread.map(({ why }) => why)).toEqual(Array(3).fill("neither a number nor JSON"));
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
  expect(shape).toMatchObject({ kind: "json", time: unit === undefined ? null : { unit } });
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
