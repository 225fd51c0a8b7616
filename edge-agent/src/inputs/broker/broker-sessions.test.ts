// What is kept of clients beyond their connections: messages wait in order, and whatever clients do, there is an end to it.
import { expect, test } from "vitest";
import {
  BrokerSessions,
  type BrokerSessionsBounds,
  type QoS,
  type QueuedMessage,
} from "./broker-sessions.ts";

const sessionsWith = (options: Partial<BrokerSessionsBounds> = {}) =>
  new BrokerSessions({ awayMax: 10, awayMs: 1_000, ...options });

let lastNumber = 0;
function message(payload: string, topic = "cmd/a"): QueuedMessage {
  lastNumber += 1;
  return {
    cmd: "publish",
    topic,
    payload: Buffer.from(payload),
    qos: 1,
    brokerId: "b",
    brokerCounter: lastNumber,
    messageId: undefined,
  };
}

const queued = (sessions: BrokerSessions, clientId: string) =>
  sessions.queueOf(clientId).map(({ cmd, payload }) => (cmd === "publish" ? payload.toString() : cmd));

function subscribe(sessions: BrokerSessions, clientId: string, filter: string, qos: QoS): void {
  sessions.subscribe(clientId, filter, qos);
  sessions.granted(clientId, [filter]);
}

function enqueue(sessions: BrokerSessions, topic: string, payload: string): void {
  const one = message(payload, topic);
  for (const { clientId } of sessions.subscribersOf(topic)) sessions.enqueue(clientId, one);
}

test("messages wait for whoever subscribes, once each, in order, until the client has them", () => {
  const sessions = sessionsWith();
  subscribe(sessions, "a", "cmd/a", 1);
  subscribe(sessions, "a", "cmd/+", 2);
  subscribe(sessions, "b", "cmd/b", 1);
  subscribe(sessions, "c", "cmd/#", 0);
  for (const payload of ["1", "2", "3"]) enqueue(sessions, "cmd/a", payload);
  expect(sessions.subscribersOf("cmd/a")).toEqual([{ clientId: "a", topic: "cmd/+", qos: 2 }]);
  expect(["a", "b", "c"].map((client) => queued(sessions, client))).toEqual([["1", "2", "3"], [], []]);
  const [first, second, third] = sessions.queueOf("a");
  sessions.sent("a", second.brokerCounter, 7);
  sessions.done("a", { messageId: 7 });
  sessions.done("a", { brokerCounter: first.brokerCounter });
  expect(queued(sessions, "a")).toEqual(["3"]);
  sessions.sent("a", third.brokerCounter, 8);
  sessions.received("a", 8);
  expect(queued(sessions, "a")).toEqual(["pubrel"]);
  expect(sessions.queueOf("a")).toMatchObject([{ messageId: 8 }]);
  sessions.done("a", { messageId: 8 });
  expect(queued(sessions, "a")).toEqual([]);
  expect(sessions.counts).toMatchObject({ queued_messages: 0, queued_bytes: 0, queued_dropped: 0 });
});

test("nothing waits by a filter that its client has not been granted, unless the client goes meanwhile", () => {
  const sessions = sessionsWith();
  sessions.subscribe("a", "cmd/a", 1);
  sessions.subscribe("b", "cmd/b", 1);
  for (const topic of ["cmd/a", "cmd/b"]) enqueue(sessions, topic, "early");
  sessions.granted("a", ["cmd/a", "cmd/b"]);
  sessions.closed("b", 0);
  for (const topic of ["cmd/a", "cmd/b"]) enqueue(sessions, topic, "late");
  expect(["a", "b"].map((client) => queued(sessions, client))).toEqual([["late"], ["late"]]);
  // Asked for with another quality, it is as it was until that is granted.
  sessions.subscribe("a", "cmd/a", 0);
  enqueue(sessions, "cmd/a", "between");
  sessions.granted("a", ["cmd/a"]);
  enqueue(sessions, "cmd/a", "after");
  expect(queued(sessions, "a")).toEqual(["late", "between"]);
});

test.each([
  ["by number", { queueMax: 3 }, 3, "x"],
  ["by bytes", { queueBytesMax: 3 * 1_300 }, 3, "x".repeat(1_000)],
])("of the messages that wait for one client the newest stay, %s", (_name, bounds, keptCount, rest) => {
  const sessions = sessionsWith(bounds);
  subscribe(sessions, "a", "cmd/a", 1);
  for (let number = 0; number < 10; number += 1) enqueue(sessions, "cmd/a", `${number}${rest}`);
  expect(queued(sessions, "a").map((payload) => payload[0])).toEqual(["7", "8", "9"]);
  expect(sessions.counts).toMatchObject({ queued_messages: keptCount, queued_dropped: 10 - keptCount });
});

test("one message that is greater than all that may wait does not wait", () => {
  const sessions = sessionsWith({ queueBytesMax: 1_000 });
  subscribe(sessions, "a", "cmd/a", 1);
  enqueue(sessions, "cmd/a", "x".repeat(2_000));
  expect(sessions.counts).toMatchObject({ queued_messages: 0, queued_bytes: 0, queued_dropped: 1 });
});

test("where all together are too much, the client with most gives way, and the few commands of another stay", () => {
  const sessions = sessionsWith({ queuedBytesMax: 20_000 });
  subscribe(sessions, "machine", "cmd/machine", 1);
  subscribe(sessions, "flooded", "cmd/flooded", 1);
  enqueue(sessions, "cmd/machine", "STOP");
  for (let number = 0; number < 100; number += 1) enqueue(sessions, "cmd/flooded", "x".repeat(1_000));
  expect(queued(sessions, "machine")).toEqual(["STOP"]);
  expect(sessions.counts["queued_bytes"]).toBeLessThanOrEqual(20_000);
  expect(sessions.counts["queued_dropped"]).toBeGreaterThan(80);
});

test("a session goes on when its client comes back; who is away longest is forgotten first, or after the time", () => {
  const sessions = sessionsWith({ awayMax: 2 });
  for (const [nowMs, client] of ["a", "b", "c"].entries()) {
    subscribe(sessions, client, `cmd/${client}`, 1);
    sessions.closed(client, nowMs);
  }
  const subscriptionsOf = (client: string, nowMs: number) =>
    sessions.subscriptionsOf(client, nowMs).map(({ topic }) => topic);
  expect(["a", "b", "c"].map((client) => subscriptionsOf(client, 3))).toEqual([[], ["cmd/b"], ["cmd/c"]]);
  sessions.opened("b");
  expect(subscriptionsOf("c", 1_001)).toEqual(["cmd/c"]);
  expect(subscriptionsOf("c", 1_002)).toEqual([]);
  expect(subscriptionsOf("b", 99_999)).toEqual(["cmd/b"]);
  expect(sessions.subscribersOf("cmd/c")).toEqual([]);
  expect(sessions.counts).toMatchObject({ sessions: 1, sessions_forgotten: 2 });
});

test("subscriptions of clients that are away have a bound in bytes", () => {
  const sessions = sessionsWith({ awayMax: 1_000, sessionBytesMax: 100_000 });
  for (let number = 0; number < 100; number += 1) {
    subscribe(sessions, `client-${number}`, `cmd/${number}/${"x".repeat(1_000)}`, 1);
    sessions.closed(`client-${number}`, number);
  }
  const { sessions: kept, sessions_forgotten: forgotten } = sessions.counts;
  expect(kept).toBeGreaterThan(20);
  expect(kept).toBeLessThan(30);
  expect(kept + forgotten).toBe(100);
  expect(sessions.subscriptionsOf("client-99", 100)).toHaveLength(1);
});

test("of a QoS 2 message its id is kept until the client releases it, of the last 1,000", () => {
  const sessions = sessionsWith();
  for (let id = 1; id <= 1_001; id += 1) sessions.keepUnreleased("a", id, { isClean: true });
  expect([1, 2, 1_001].map((id) => sessions.isUnreleased("a", id))).toEqual([false, true, true]);
  sessions.release("a", 2);
  expect(sessions.isUnreleased("a", 2)).toBe(false);
  sessions.releaseAll("a");
  expect(sessions.counts["sessions"]).toBe(0);
});

test("nothing is kept of sessions that hold nothing, or of one that a clean one replaces", () => {
  const sessions = sessionsWith();
  for (let number = 0; number < 100; number += 1) sessions.closed(`client-${number}`, number);
  subscribe(sessions, "a", "cmd/a", 1);
  subscribe(sessions, "a", "t/a", 0);
  for (const filter of ["cmd/a", "t/a", "never"]) sessions.unsubscribe("a", filter);
  expect(sessions.counts["sessions"]).toBe(0);
  subscribe(sessions, "a", "cmd/a", 1);
  enqueue(sessions, "cmd/a", "1");
  sessions.discard("a");
  expect(sessions.subscribersOf("cmd/a")).toEqual([]);
  expect(sessions.counts).toMatchObject({
    sessions: 0,
    sessions_forgotten: 0,
    queued_messages: 0,
    queued_bytes: 0,
    queued_dropped: 0,
  });
});
