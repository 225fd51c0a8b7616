// How much of messages may be in memory at once: clients wait for one another, in order, and none waits for ever.
import { expect, test } from "vitest";
import { BytesInHand } from "./bytes-in-hand.ts";

function bytesInHand({ bytesMax = 100, bytesPerClientMax = 40 } = {}) {
  const woken: object[] = [];
  const hand = new BytesInHand<object>({
    bytesMax,
    bytesPerClientMax,
    onRoom: (client) => woken.push(client),
  });
  return { hand, woken, wokenSince: () => woken.splice(0) };
}

test("a client waits while it has too much in hand", () => {
  const { hand, wokenSince } = bytesInHand();
  const client = {};
  hand.hold(client, 39);
  expect(hand.mustWait(client)).toBe(false);
  hand.hold(client, 1);
  expect(hand.mustWait(client)).toBe(true);
  hand.release(client, 39);
  expect(wokenSince()).toEqual([client]);
  expect(hand.mustWait(client)).toBe(false);
});

test("where all together have too much, those wait that have some of it, until there is room again", () => {
  const { hand, wokenSince } = bytesInHand();
  const [first, second, third, other] = [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }];
  for (const client of [first, second, third]) hand.hold(client, 35);
  expect([first, second, third, other].map((client) => hand.mustWait(client))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  hand.release(first, 10);
  expect(wokenSince()).toEqual([first, second, third, first]);
  expect(hand.mustWait(second)).toBe(false);
});

test("great packets come in where there is room for the whole of them, first come, first served", () => {
  const { hand, wokenSince } = bytesInHand();
  const [first, second, third] = [{ n: 1 }, { n: 2 }, { n: 3 }];
  expect(hand.begin(first, 80)).toBe(true);
  expect(hand.begin(second, 50)).toBe(false);
  expect(hand.begin(third, 30)).toBe(false);
  hand.end(first);
  expect(wokenSince()).toEqual([second, third]);
  expect(hand.begin(second, 50)).toBe(true);
  expect(hand.begin(third, 30)).toBe(true);
  expect(hand.bytes).toBe(80);
});

test("a packet greater than all that may be in hand comes in alone", () => {
  const { hand } = bytesInHand();
  const [great, other] = [{ n: 1 }, { n: 2 }];
  expect(hand.begin(great, 1_000)).toBe(true);
  expect(hand.begin(other, 1)).toBe(false);
});

test("a client that goes leaves nothing in hand, and lets the next one in", () => {
  const { hand, wokenSince } = bytesInHand();
  const [gone, next] = [{ n: 1 }, { n: 2 }];
  hand.begin(gone, 60);
  hand.hold(gone, 30);
  hand.begin(next, 50);
  hand.remove(gone);
  expect(wokenSince()).toEqual([next]);
  expect(hand.bytes).toBe(0);
  // What was on its way when it went.
  hand.release(gone, 30);
  expect(hand.bytes).toBe(0);
});
