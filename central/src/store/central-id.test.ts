// The name under which a central is told from others: drawn once, and another for each store.
import { CENTRAL_KEYS } from "./central-keys.ts";
import { expect, test } from "vitest";
import { systemRandom } from "@millrace/runtime";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { centralId } from "./central-id.ts";

test("a store keeps its id, two stores have two, and what cannot be read is drawn anew", async () => {
  const store = new CrashingStore();
  const id = await centralId(store, systemRandom);
  expect(id).toMatch(/^[0-9a-f]{8}$/);
  expect(await centralId(new CrashingStore(store.snapshot()), systemRandom)).toBe(id);
  expect(await centralId(new CrashingStore(), systemRandom)).not.toBe(id);
  await store.commit([{ type: "put", key: CENTRAL_KEYS.centralId(), value: Uint8Array.of(1) }], {
    isSync: true,
  });
  const another = await centralId(store, systemRandom);
  expect(another).not.toBe(id);
  expect(await centralId(store, systemRandom)).toBe(another);
});
