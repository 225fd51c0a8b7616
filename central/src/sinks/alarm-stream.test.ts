// Which alarms go to a sink, and how they are read again: page by page while they come and go.
import { expect, test } from "vitest";
import type { AlarmView } from "../alarms/alarm-view.ts";
import { AlarmStream } from "./alarm-stream.ts";

function alarm(id: string, changes: Partial<AlarmView> = {}): AlarmView {
  return {
    id,
    step: 1,
    rule: "overheating",
    metric: "temperature",
    labels: {},
    severity: 900,
    isActive: true,
    isLatched: false,
    isHistorical: false,
    activeAtMs: 0,
    clearedAtMs: null,
    timeMs: 0,
    value: 81,
    limit: 80,
    action: "none",
    command: null,
    message: "",
    agent: "alpha-1",
    site: "alpha",
    receivedAtMs: 1_000,
    ...changes,
  };
}

const all = (stream: AlarmStream, sinceMs: number | null) =>
  stream
    .read({
      cutoffMs: 0,
      changed: sinceMs === null ? null : [{ fromMs: sinceMs, toMs: Number.POSITIVE_INFINITY }],
      fromMs: null,
      limit: 100,
      cursor: null,
    })
    .then(({ items }) => items.map(({ id }) => id));

const BOOK = [
  alarm("active"),
  alarm("cleared", { isActive: false, receivedAtMs: 2_000 }),
  alarm("historical", { isHistorical: true, receivedAtMs: 2_000 }),
  alarm("suppressed", { isSuppressed: true, receivedAtMs: 2_000 }),
  alarm("suppressed and cleared", { isSuppressed: true, isActive: false, receivedAtMs: 2_000 }),
];

test("programs are given all; people neither what is historical nor what is suppressed, and at first only what is active", async () => {
  const programs = new AlarmStream(() => BOOK, { isNotified: false });
  expect(await all(programs, null)).toHaveLength(5);
  expect(await all(programs, 2_000)).toHaveLength(4);
  const people = new AlarmStream(() => BOOK, { isNotified: true });
  expect(await all(people, null)).toEqual(["active"]);
  expect(await all(people, 2_000)).toEqual(["cleared", "suppressed and cleared"]);
  expect(await all(people, 2_001)).toEqual([]);
});

test("pages miss nothing that is there throughout, whatever comes and goes between them", async () => {
  let book = ["b", "d", "f", "h"].map((id) => alarm(id));
  const stream = new AlarmStream(() => book, { isNotified: false });
  const seen: string[] = [];
  for (let cursor: string | null = null; ;) {
    const page = await stream.read({ cutoffMs: 0, changed: null, fromMs: null, limit: 1, cursor });
    seen.push(...page.items.map(({ id }) => id));
    if (page.cursor === null) break;
    cursor = page.cursor;
    book = [...book.filter(({ id }) => id !== "b").toReversed(), alarm("a")];
  }
  expect(seen).toEqual(["b", "d", "f", "h"]);
});

test("what is active never expires; what is over does, a while after its end", () => {
  const stream = new AlarmStream(() => [], { isNotified: false });
  expect(stream.isExpired(alarm("a"), 5_000)).toBe(false);
  expect(stream.isExpired(alarm("a", { isActive: false }), 5_000)).toBe(true);
  expect(stream.isExpired(alarm("a", { isActive: false }), 1_000)).toBe(false);
});
