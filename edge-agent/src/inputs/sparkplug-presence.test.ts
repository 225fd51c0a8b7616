// What a host says of itself: never older than what was said of it before, or edge nodes pass over it.
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import { SparkplugPresence } from "./sparkplug-presence.ts";

const START_MS = Date.UTC(2026, 0, 5, 8);
const HOUR_MS = 3_600_000;

function bench() {
  const presence = new SparkplugPresence({ hostId: "host", clock: new SimulatedTime(START_MS).clock() });
  presence.begin();
  return { presence, timesMs: () => [presence.online, presence.will, presence.farewell].map(timeOf) };
}

const timeOf = (text: string): number => JSON.parse(text).timestamp - START_MS;

test("online and the will of a connection have its time, and an old contradiction changes nothing", () => {
  const { presence, timesMs } = bench();
  expect(timesMs()).toEqual([0, 0, 0]);
  presence.contradicted(START_MS - HOUR_MS);
  expect(timesMs()).toEqual([0, 0, 0]);
});

test("the answer to a contradiction is not older than it, and neither is the next connection", () => {
  const { presence, timesMs } = bench();
  presence.contradicted(START_MS + HOUR_MS);
  expect(timesMs()).toEqual([HOUR_MS, 0, HOUR_MS]);
  presence.begin();
  expect(timesMs()).toEqual([HOUR_MS, HOUR_MS, HOUR_MS]);
});

test("a contradiction from the far future is not followed there, nor one without a time", () => {
  const { presence, timesMs } = bench();
  for (const timestampMs of [START_MS + 25 * HOUR_MS, Number.MAX_VALUE, NaN, -1])
    presence.contradicted(timestampMs);
  expect(timesMs()).toEqual([0, 0, 0]);
});
