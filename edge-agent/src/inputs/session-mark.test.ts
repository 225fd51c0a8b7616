// What has waited in a session may be old, until the broker hands over the first message that has not.
import { expect, test } from "vitest";
import { SessionMark } from "./session-mark.ts";

const markWith = (isResumed: boolean, clock = { monotonicMs: () => 0 }, last: SessionMark | null = null) =>
  SessionMark.after(last, { clock, random: { next: () => 0.5 }, isResumed });
const identifierOf = (mark: SessionMark) => mark.properties.properties.subscriptionIdentifier;

test("of a session that goes on, all before the first that has this connection's identifier", () => {
  const before = markWith(false);
  const mark = markWith(true, undefined, before);
  expect(identifierOf(mark)).not.toBe(identifierOf(before));
  const own = identifierOf(mark);
  const seen = [undefined, identifierOf(before), [3, 4], [3, own], own, identifierOf(before)];
  expect(seen.map((identifiers) => mark.isOlder(identifiers))).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("nothing of a new session, and nothing after a minute of a broker that marks none", () => {
  expect(markWith(false).isOlder(undefined)).toBe(false);
  let nowMs = 0;
  const mark = markWith(true, { monotonicMs: () => nowMs });
  expect(mark.isOlder(undefined)).toBe(true);
  nowMs = 60_000;
  expect(mark.isOlder(undefined)).toBe(false);
});
