// What an end that was not orderly leaves in doubt is a number where one can be known, and no more is claimed.
import { expect, test } from "vitest";
import { lastEndStatus, lastEndText } from "./last-end.ts";

const synced = { boot: "b", log: "000003.log", bytes: 100, count: 1_000, growthMax: 50 };

test.each([
  ["orderly", false, synced, 1_000, undefined],
  [
    "process",
    false,
    synced,
    1_010,
    "the process was killed, or crashed; readings in doubt: 0 to 50, none of them acknowledged",
  ],
  [
    "process",
    false,
    synced,
    980,
    "the process was killed, or crashed; readings in doubt: 20 to 70, none of them acknowledged",
  ],
  [
    "process",
    true,
    synced,
    300,
    "the process was killed, or crashed; the log of what was on disk was CUT since, acknowledged readings are gone; readings in doubt: 700 to 750",
  ],
  [
    // Much had come since the mark, and more may have.
    "process",
    false,
    synced,
    1_400,
    "the process was killed, or crashed; readings in doubt: 0 to 400, none of them acknowledged",
  ],
  [
    // The mark is older than a second.
    "machine",
    false,
    synced,
    9_000,
    "power cut, or another end of the machine; readings in doubt: 0 to 50, none of them acknowledged",
  ],
  [
    "machine",
    false,
    synced,
    1_000,
    "power cut, or another end of the machine; readings in doubt: 0 to 50, none of them acknowledged",
  ],
  ["unknown", false, null, 1_000, "not in order; how many readings is not known"],
  [
    "orderly",
    true,
    synced,
    0,
    "in order; the log of what was on disk was CUT since, acknowledged readings are gone; how many readings is not known",
  ],
] as const)("%s, cut %s", (kind, isLogCut, note, received, text) => {
  expect(lastEndText(lastEndStatus({ kind, isLogCut, synced: note }, received))).toBe(text);
});
