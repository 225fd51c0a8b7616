// What waits for a commit: live before backlog, every agent in turn, and one that has much to say in its own room only.
import { LANES } from "@millrace/stream";
import type { Lane } from "@millrace/stream";
import { expect, test } from "vitest";
import { Inbox, INBOX_BYTES_MAX } from "./inbox.ts";
import { Session, SESSION_INBOX_BYTES_MAX } from "./session.ts";
import type { InboxItem } from "./session.ts";

const LIMITS = { messages: 100, bytes: 2_000_000 };

function sessionOf(agent: string): Session {
  return new Session({ id: agent, agent, send: () => {}, close: () => {} }, 0);
}

function batch(session: Session, lane: Lane, bytes = 1_000): InboxItem {
  const payload = new Uint8Array(bytes);
  payload[5] = LANES.indexOf(lane);
  return { session, topic: "batch", payload, atMs: 0 };
}

function laneOf({ payload }: InboxItem): Lane | undefined {
  return LANES[payload[5] ?? -1];
}

test("a thousand agents come back with a backlog each: what is live is taken first, and every agent is served in turn", () => {
  const inbox = new Inbox();
  const agents = Array.from({ length: 1_000 }, (_, index) => sessionOf(`agent-${index}`));
  for (const agent of agents) for (let count = 0; count < 20; count += 1) inbox.add(batch(agent, "backfill"));
  for (const agent of agents) inbox.add(batch(agent, "live"));
  const live: string[] = [];
  const backlog: string[] = [];
  let commits = 0;
  while (live.length < agents.length) {
    commits += 1;
    for (const item of inbox.take(LIMITS))
      (laneOf(item) === "live" ? live : backlog).push(item.session.agent);
  }
  // Nine tenths of each commit; the backlog goes on meanwhile.
  expect(commits).toBe(Math.ceil(1_000 / 90));
  expect(new Set(live).size).toBe(1_000);
  expect(backlog.length).toBeGreaterThan(100);
  // As long as a turn is, a commit's tenth is of one agent.
  expect(backlog.slice(0, 20)).toEqual(
    Array.from({ length: 20 }, (_, at) => (at < 10 ? "agent-0" : "agent-1")),
  );
  while (!inbox.isEmpty) for (const item of inbox.take(LIMITS)) backlog.push(item.session.agent);
  expect(backlog).toHaveLength(20_000);
  // No agent is ever more than a turn ahead of another.
  expect(new Set(backlog.slice(0, 16_000)).size).toBe(1_000);
  expect(new Set(backlog.slice(-16_000)).size).toBe(1_000);
  expect([inbox.bytes, ...new Set(agents.map(({ inboxBytes }) => inboxBytes))]).toEqual([0, 0]);
});

test("what is live of a thousand agents goes into one commit, and some of the backlog with it", () => {
  const inbox = new Inbox();
  const agents = Array.from({ length: 1_000 }, (_, index) => sessionOf(`agent-${index}`));
  for (const agent of agents) for (const lane of ["backfill", "live"] as const) inbox.add(batch(agent, lane));
  const taken = inbox.take({ ...LIMITS, liveMessages: 1_000 });
  const live = taken.filter((item) => laneOf(item) === "live");
  expect([live.length, taken.length - live.length]).toEqual([1_000, 10]);
});

test("of one agent, what is of one kind keeps its order; greetings and alarms do not wait behind its backlog", () => {
  const inbox = new Inbox();
  const agent = sessionOf("a");
  const hello: InboxItem = { session: agent, topic: "hello", payload: new Uint8Array(10), atMs: 0 };
  const sent = [
    batch(agent, "evidence"),
    hello,
    batch(agent, "backfill"),
    batch(agent, "alarm"),
    batch(agent, "live"),
  ];
  for (const item of sent) inbox.add(item);
  expect(inbox.take(LIMITS)).toEqual([sent[1], sent[3], sent[4], sent[0], sent[2]]);
});

test("a great message is taken alone, and what is too much of one agent, or of all backlog, has no room", () => {
  const inbox = new Inbox();
  const [greedy, modest] = [sessionOf("greedy"), sessionOf("modest")];
  const great = batch(greedy, "live", 3_000_000);
  inbox.add(great);
  inbox.add(batch(modest, "live"));
  expect(inbox.take(LIMITS)).toEqual([great]);
  expect(inbox.take(LIMITS)).toHaveLength(1);
  const part = SESSION_INBOX_BYTES_MAX / 16;
  const taken = Array.from({ length: 16 }, () => inbox.add(batch(greedy, "backfill", part)));
  expect(taken.filter(Boolean)).toHaveLength(12);
  expect(inbox.add(batch(greedy, "live", part))).toBe(true);
  for (let index = 0; inbox.bytes + part <= 0.75 * INBOX_BYTES_MAX; index += 1) {
    const other = sessionOf(`other-${index}`);
    for (let count = 0; count < 12; count += 1) inbox.add(batch(other, "backfill", part));
  }
  expect(inbox.add(batch(modest, "backfill", part))).toBe(false);
  expect(inbox.add(batch(modest, "live", part))).toBe(true);
  inbox.clear();
  expect(inbox.isEmpty).toBe(true);
});

test("messages of no bytes take room too: one agent that sends nothing but those fills its own, and no more", () => {
  const inbox = new Inbox();
  const flood = sessionOf("flood");
  let taken = 0;
  while (
    taken < 1_000_000 &&
    inbox.add({ session: flood, topic: "batch", payload: new Uint8Array(0), atMs: 0 })
  )
    taken += 1;
  expect(taken).toBeLessThan(100_000);
  expect(inbox.add(batch(sessionOf("other"), "live"))).toBe(true);
  while (!inbox.isEmpty) inbox.take(LIMITS);
  expect([inbox.bytes, flood.inboxBytes]).toEqual([0, 0]);
});
