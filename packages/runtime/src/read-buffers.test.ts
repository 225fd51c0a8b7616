import { constants, PerformanceObserver } from "node:perf_hooks";
import { expect, test } from "vitest";
import { ReadBuffers, systemReadBuffers } from "./read-buffers.ts";

const MIB = 1024 * 1024;

test("collects once for every 4 MiB that were read, however they came", () => {
  let collections = 0;
  const buffers = new ReadBuffers(() => collections++);

  for (let mib = 0; mib < 3; mib += 1) buffers.add(MIB);
  expect(collections).toBe(0);
  buffers.add(MIB);
  expect(collections).toBe(1);
  for (let count = 0; count < 4 * 1024; count += 1) buffers.add(1024);
  expect(collections).toBe(2);
});

test("what is given back is gone at once, and needs no collection", () => {
  let collections = 0;
  const buffers = new ReadBuffers(() => collections++);
  for (let mib = 0; mib < 8; mib += 1) {
    buffers.add(MIB);
    const buffer = new ArrayBuffer(MIB);
    buffers.free(buffer);
    expect([buffer.byteLength, buffer.detached]).toEqual([0, true]);
  }
  expect(collections).toBe(0);
  buffers.add(4 * MIB);
  expect(collections).toBe(1);
});

test("those of this process have V8 collect what is young, and leave no gc to others", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      if ("detail" in entry && isForced(entry.detail)) resolve(entry.detail);
  });
  observer.observe({ entryTypes: ["gc"] });
  systemReadBuffers().add(4 * MIB);

  expect(await promise).toMatchObject({ kind: constants.NODE_PERFORMANCE_GC_MINOR });
  expect("gc" in globalThis).toBe(false);
  observer.disconnect();
});

function isForced(detail: unknown): boolean {
  const { flags }: { flags?: number } = Object(detail);
  return flags === constants.NODE_PERFORMANCE_GC_FLAGS_FORCED;
}
