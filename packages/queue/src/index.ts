export * from "./batch-queue.ts";
export * from "./is-store-damage.ts";
export * from "./is-store-full.ts";
export * from "./level-store.ts";
export * from "./memory-store.ts";
export { isStoreAt, type LastEnd } from "./store-files.ts";
export { CALLER_KEYS_FROM } from "./store-layout.ts";
export * from "./store.ts";
export type { DamagedRow, QueuedBatch } from "./stored-batches.ts";
