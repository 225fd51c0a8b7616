// Which of the messages that were refused are kept: some of everybody's.
import { expect, test } from "vitest";
import { Quarantine, QUARANTINE_ENTRIES_MAX } from "./quarantine.ts";
import type { QuarantineEntry } from "./quarantine.ts";

function keep(quarantine: Quarantine, agent: string): void {
  const payload = new Uint8Array(3);
  quarantine.keep({ atMs: 1, agent, topic: "records", reason: "malformed", detail: "not JSON", payload });
}

/** What a store has of it. */
class Kept {
  readonly entries = new Map<number, QuarantineEntry>();

  commit(quarantine: Quarantine): void {
    const { entries, forgotten } = quarantine.takeWaiting();
    for (const entry of entries) this.entries.set(entry.number, entry);
    for (const number of forgotten) expect(this.entries.delete(number)).toBe(true);
  }

  agents(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { agent } of this.entries.values()) counts[agent] = (counts[agent] ?? 0) + 1;
    return counts;
  }
}

test("a source that sends nothing but what is refused pushes out its own, and none of the few of others", () => {
  const kept = new Kept();
  let quarantine = new Quarantine();
  keep(quarantine, "alpha-1");
  for (let commit = 0; commit < 30; commit += 1) {
    for (let record = 0; record < 150; record += 1) keep(quarantine, "orders/0");
    if (commit === 20) for (let record = 0; record < 3; record += 1) keep(quarantine, "transfers/1");
    kept.commit(quarantine);
    if (commit === 10) quarantine = new Quarantine([...kept.entries.values()]);
  }
  expect(kept.agents()).toEqual({ "alpha-1": 1, "orders/0": QUARANTINE_ENTRIES_MAX - 4, "transfers/1": 3 });
  const numbers = [...kept.entries.keys()];
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  expect(quarantine.entryCount).toBe(30 * 100);
});

test("of one source the latest are kept", () => {
  const kept = new Kept();
  const quarantine = new Quarantine();
  for (let commit = 0; commit < 12; commit += 1) {
    for (let record = 0; record < 100; record += 1) keep(quarantine, "orders/0");
    kept.commit(quarantine);
  }
  expect([...kept.entries.keys()][0]).toBe(200);
  expect(kept.entries.size).toBe(QUARANTINE_ENTRIES_MAX);
});
