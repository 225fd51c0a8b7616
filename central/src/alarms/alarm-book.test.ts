// Which step of an alarm counts, over roll-backs and replacements of the agent's store.
import type { AlarmEvent } from "@millrace/wire";
import { expect, test } from "vitest";
import { ALARMS_CLEARED_MAX, ALARMS_MAX, AlarmBook } from "./alarm-book.ts";
import type { AlarmRecord } from "./alarm-book.ts";
import { hotAlarm } from "./hot-alarm.test-support.ts";

const HOT = hotAlarm(1_000, { step: 5 });
const COOL: AlarmEvent = { ...HOT, isActive: false, clearedAtMs: 2_000, timeMs: 2_000, message: "cool" };

function take(book: AlarmBook, event: AlarmEvent, storeId: string, epoch: number): boolean {
  return book.take(event, { agent: "a", site: "alpha", storeId, epoch, nowMs: 3_000 });
}

function restored(book: AlarmBook): AlarmBook {
  const records: AlarmRecord[] = [];
  for (const { record } of book.takeDirty()) if (record !== null) records.push(record);
  const next = new AlarmBook();
  for (const record of records) next.restore(structuredClone(record));
  return next;
}

test("after a roll-back a lower step of a newer epoch counts, shown above the steps before; the older epoch is over", () => {
  const before = new AlarmBook();
  expect(take(before, HOT, "s1", 1)).toBe(true);
  expect(take(before, { ...COOL, step: 4 }, "s1", 1)).toBe(false);
  const book = restored(before);
  expect(take(book, { ...COOL, step: 3 }, "s1", 2)).toBe(true);
  expect(book.get("a", "1")).toMatchObject({ isActive: false, step: 6 });
  expect(take(book, { ...HOT, step: 9 }, "s1", 1)).toBe(false);
  expect(take(book, { ...HOT, step: 3 }, "s1", 2)).toBe(false);
  expect(take(book, { ...HOT, step: 4 }, "s1", 2)).toBe(true);
  expect(book.get("a", "1")).toMatchObject({ isActive: true, step: 7 });
});

test("an alarm keeps when its first step came, until it is raised again", () => {
  const step = (book: AlarmBook, number: number, at: Partial<AlarmEvent>, nowMs: number): unknown => {
    book.take({ ...HOT, ...at, step: number }, { agent: "a", site: "alpha", storeId: "s1", epoch: 1, nowMs });
    const { receivedAtMs, firstReceivedAtMs } = book.get("a", "1") ?? {};
    return { receivedAtMs, firstReceivedAtMs };
  };
  const first = new AlarmBook();
  expect(step(first, 1, {}, 1_040)).toEqual({ receivedAtMs: 1_040, firstReceivedAtMs: 1_040 });
  const book = restored(first);
  expect(step(book, 2, COOL, 9_000)).toEqual({ receivedAtMs: 9_000, firstReceivedAtMs: 1_040 });
  const again = { activeAtMs: 11_000 };
  expect(step(book, 3, again, 11_050)).toEqual({ receivedAtMs: 11_050, firstReceivedAtMs: 11_050 });
});

test("when a store is replaced its active alarms are closed, and the new store's steps count from the start", () => {
  const book = new AlarmBook();
  take(book, HOT, "s1", 3);
  take(book, { ...HOT, id: "2" }, "s2", 1);
  book.raise({ agent: "a", site: "alpha", kind: "data_loss", message: "lost", value: 1, nowMs: 2_000 });
  book.closeOtherStores({ agent: "a", storeId: "s2", nowMs: 4_000 });
  expect(book.get("a", "1")).toMatchObject({ isActive: false, step: 6, clearedAtMs: 4_000 });
  expect(book.get("a", "1")?.message).toContain("store was replaced");
  expect(book.get("a", "2")?.isActive).toBe(true);
  expect(book.isRaised("a", "data_loss")).toBe(true);
  const next = restored(book);
  expect(take(next, { ...HOT, step: 1 }, "s2", 1)).toBe(true);
  expect(next.get("a", "1")).toMatchObject({ isActive: true, step: 7 });
});

test("an alarm of one metric stands beside that of all that comes of its agent, and over a start", () => {
  const book = new AlarmBook();
  const loss = {
    agent: "a",
    site: "alpha",
    kind: "data_loss",
    message: "lost",
    value: 1,
    nowMs: 2_000,
  } as const;
  book.raise(loss);
  for (const metric of ["t", "u"]) book.raise({ ...loss, metric });
  book.closeOtherStores({ agent: "a", storeId: "s2", nowMs: 4_000 });
  const next = restored(book);
  const raised = ["", "t", "u", "v"].map((metric) => next.isRaised("a", "data_loss", metric));
  expect(raised).toEqual([true, true, true, false]);
  expect(next.raised().map(({ metric }) => metric)).toEqual(["", "t", "u"]);
  expect(next.raisedOfMetricsCount).toBe(2);
  next.clear({ ...loss, metric: "t" });
  expect(next.raised().map(({ metric }) => metric)).toEqual(["", "u"]);
});

test("an alarm stored before stores were told apart takes the next step, and is closed when the store is replaced", () => {
  const book = new AlarmBook();
  book.restore({ ...HOT, agent: "a", site: "alpha", receivedAtMs: 1 });
  book.restore({ ...HOT, id: "2", agent: "a", site: "alpha", receivedAtMs: 1 });
  expect(take(book, { ...COOL, step: 6 }, "s1", 1)).toBe(true);
  book.closeOtherStores({ agent: "a", storeId: "s2", nowMs: 4_000 });
  expect(book.get("a", "2")?.isActive).toBe(false);
});

/** What a commit takes of the book. */
function committed(book: AlarmBook): Map<string, AlarmRecord | null> {
  const changes = new Map(book.takeDirty().map(({ id, record }) => [id, record]));
  book.durable();
  return changes;
}

test("however many alarms are active, one that clears is told, and kept among the latest that have", () => {
  const book = new AlarmBook();
  for (let id = 0; id <= ALARMS_CLEARED_MAX; id++) take(book, { ...HOT, id: `a${id}` }, "s1", 1);
  committed(book);
  take(book, { ...COOL, id: "a7", step: 6 }, "s1", 1);
  expect(committed(book).get("a7")).toMatchObject({ isActive: false, clearedAtMs: 2_000 });
  expect(book.get("a", "a7")).toMatchObject({ isActive: false });
  expect(book.droppedCount).toBe(0);
});

test("of cleared alarms the latest are kept, of all together so many, and what has just cleared is told before it goes", () => {
  const book = new AlarmBook();
  for (let id = 0; id <= ALARMS_CLEARED_MAX; id++) take(book, { ...COOL, id: `c${id}` }, "s1", 1);
  expect([...committed(book).values()]).not.toContain(null);
  take(book, HOT, "s1", 1);
  expect(committed(book).get("c0")).toBeNull();
  for (let id = book.list().length; id < ALARMS_MAX; id++) take(book, { ...HOT, id: `a${id}` }, "s1", 1);
  committed(book);
  take(book, { ...HOT, id: "more" }, "s1", 1);
  expect(committed(book).get("c1")).toBeNull();
  expect([book.list().length, book.droppedCount]).toEqual([ALARMS_MAX, 2]);
});
