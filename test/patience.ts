// How long a test waits for what is to come: a second, vitest's own measure, is nothing on a busy machine. That it comes at all is
// what a test says; how quickly, the benchmarks do.
import fc from "fast-check";
import { vi } from "vitest";

const { waitFor, waitUntil } = vi;
const patience = (options: number | object = {}) => ({
  timeout: 20_000,
  interval: 10,
  ...(typeof options === "number" ? { timeout: options } : options),
});
vi.waitFor = (callback, options) => waitFor(callback, patience(options));
vi.waitUntil = (callback, options) => waitUntil(callback, patience(options));

// What a property's failure shrinks to is found for as long as this: then it ends with the smallest one so far, its seed and its
// path, before a test's own limit would end it without.
fc.configureGlobal({ interruptAfterTimeLimit: 60_000 });
