// What belongs into one message: a reading, a batch of one signal, all of a machine's tick; nothing is left behind.
import { expect, test } from "vitest";
import type { Metric } from "../plan/metric.ts";
import type { TruthReading } from "../truth/truth-line.ts";
import { type MessageDraft, MessageMaker } from "./message-maker.ts";
import type { ReadingFormat } from "./reading-format.ts";

const FORMATS: Partial<Record<Metric, ReadingFormat>> = {
  temperature: "senml",
  vibration: "senml",
  pressure: "array",
  current: "json",
};
const maker = (batch: number): MessageMaker =>
  new MessageMaker({ formatOf: (_site, metric) => FORMATS[metric] ?? "json", batch });
const tick = (from: number, machine = "machine-1") =>
  (["temperature", "vibration", "pressure", "current"] as const).map((metric, index) => {
    const place = { site: "alpha", line: "line-1", machine };
    const reading: TruthReading = { type: "reading", ...place, metric, time: from, value: 1 };
    return { number: from + index, reading };
  });
const shown = (drafts: readonly MessageDraft[]): string[] =>
  drafts.map(({ level, entries }) => `${level} ${entries.map(({ number }) => number).join(",")}`);

test("a tick's readings of one format go together, a batch waits until it is full", () => {
  const messages = maker(2);
  expect(shown(messages.add(tick(1)))).toEqual(["senml 1,2", "current 4"]);
  expect([...messages.waitingNumbers()]).toEqual([3]);
  expect(shown(messages.add(tick(11, "machine-2")))).toEqual(["senml 11,12", "current 14"]);
  expect(shown(messages.add(tick(21)))).toEqual(["senml 21,22", "pressure 3,23", "current 24"]);
  expect(shown(messages.rest())).toEqual(["pressure 13"]);
  expect([messages.hasWaiting, [...messages.waitingNumbers()]]).toEqual([false, []]);
});
