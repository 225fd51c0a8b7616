// One piece of memory seals commit after commit: what is sealed stays as it is until its own commit is over, whatever else begins.
import fc from "fast-check";
import { expect, test } from "vitest";
import { openValue } from "./sealed-value.ts";
import { SealingRoom } from "./sealing-room.ts";
import type { Change } from "./store.ts";

const anyChange: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    type: fc.constant("put" as const),
    key: fc.uint8Array({ minLength: 1, maxLength: 20 }),
    value: fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(new Uint8Array(9_000).fill(7))),
  }),
  fc.record({ type: fc.constant("del" as const), key: fc.uint8Array({ minLength: 1, maxLength: 20 }) }),
);

function opened(sealed: readonly Change[]): unknown[] {
  return sealed.map((change) =>
    change.type === "del" ? change : { ...change, value: openValue(change.key, change.value)?.slice() },
  );
}

test("commits that overlap, fail and follow each other each see their own values to their end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ changes: fc.array(anyChange, { maxLength: 8 }), fails: fc.boolean() }), {
        maxLength: 12,
      }),
      fc.scheduler(),
      async (commits, scheduler) => {
        const room = new SealingRoom();
        const begin = scheduler.scheduleSequence(
          commits.map(({ changes, fails }, index) => ({
            label: `begin ${index}`,
            builder: async () => {
              ends.push(
                room
                  .seal(changes, async (sealed) => {
                    await scheduler.schedule(Promise.resolve(), `disk ${index}`);
                    expect(opened(sealed)).toEqual(changes);
                    if (fails) throw new Error("no disk");
                    return index;
                  })
                  .then(
                    (result) => expect([fails, result]).toEqual([false, index]),
                    (error: unknown) => {
                      if (!fails) throw error;
                    },
                  ),
              );
            },
          })),
        );
        const ends: Promise<void>[] = [];
        await scheduler.waitAll();
        await begin.task;
        await Promise.all(ends);
      },
    ),
  );
});

test("commits one after another are sealed in the same memory, a great one in its own", async () => {
  const room = new SealingRoom();
  const put = (bytes: number): Change[] => [
    { type: "put", key: Uint8Array.of(1), value: new Uint8Array(bytes) },
  ];
  const memoryOf = (bytes: number) =>
    room.seal(put(bytes), async ([change]) => (change.type === "put" ? change.value.buffer : undefined));
  const first = await memoryOf(100);
  expect(await memoryOf(15_000)).toBe(first);
  expect(await memoryOf(20_000)).not.toBe(first);
  const great = await memoryOf(2_000_000);
  expect(await memoryOf(2_000_000)).not.toBe(great);
});
