// Each commit takes what has changed as it is then, and nothing that is over already.
import type { Change } from "@millrace/queue";
import { expect, test } from "vitest";
import { KeptRecords } from "./kept-records.ts";

const KEY = Uint8Array.of(1);

function keptRecords() {
  const wakes: boolean[] = [];
  const commit = Promise.withResolvers<void>();
  const records = new KeptRecords({
    wake: (isUrgent) => void wakes.push(isUrgent),
    committed: () => commit.promise,
  });
  const drain = () => {
    const changes: Change[] = [];
    const durable = records.drainInto(changes);
    return {
      changes: changes.map((change) =>
        change.type === "put" ? [...change.key, ...change.value] : [...change.key],
      ),
      durable,
    };
  };
  return { records, wakes, commit, drain };
}

test("a record is written as it is when the commit begins; one that came and went before is not", () => {
  const { records, drain, wakes } = keptRecords();
  let value = 7;
  records.put(KEY, () => Uint8Array.of(value));
  value = 8;
  records.put(Uint8Array.of(2), () => Uint8Array.of(9), { isUrgent: false });
  records.delete(Uint8Array.of(2));
  expect(wakes).toEqual([true, false]);
  expect(drain().changes).toEqual([[1, 8]]);
  expect(drain().changes).toEqual([]);
  records.delete(KEY);
  records.delete(KEY);
  expect(drain().changes).toEqual([[1]]);
  records.delete(KEY);
  expect(drain().changes).toEqual([]);
});

test("what was found in the store is deleted there", () => {
  const { records, drain } = keptRecords();
  records.found(KEY);
  records.delete(KEY);
  expect(drain().changes).toEqual([[1]]);
});

test("a record is durable once the commit is that has taken it, not when that begins", async () => {
  const { records, drain } = keptRecords();
  await records.committed();
  records.put(KEY, () => Uint8Array.of(7));
  expect(records.isDurable(KEY)).toBe(false);
  const { durable } = drain();
  let isCommitted = false;
  const committed = records.committed().then(() => (isCommitted = true));
  await Promise.resolve();
  expect([records.isDurable(KEY), records.isDurable(Uint8Array.of(2)), isCommitted]).toEqual([
    false,
    true,
    false,
  ]);
  durable();
  expect(records.isDurable(KEY)).toBe(true);
  void committed;
});
