// Timers keep to what they are asked for, however long.
import { afterEach, expect, test, vi } from "vitest";
import { systemClock } from "./clock.ts";

const DAY_MS = 86_400_000;

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test("what is due in a month is not due at once", () => {
  vi.useFakeTimers();
  const callback = vi.fn();
  systemClock.after(30 * DAY_MS, callback);
  vi.advanceTimersByTime(30 * DAY_MS - 1);
  expect(callback).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(callback).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(90 * DAY_MS);
  expect(callback).toHaveBeenCalledOnce();
});

test("what is due in months may be taken back after the first of them", () => {
  vi.useFakeTimers();
  const callback = vi.fn();
  const timer = systemClock.after(90 * DAY_MS, callback);
  vi.advanceTimersByTime(60 * DAY_MS);
  timer.cancel();
  vi.advanceTimersByTime(60 * DAY_MS);
  expect(callback).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});

test("what keeps no process alive for now keeps none alive for the months after", () => {
  vi.useFakeTimers();
  const made = vi.spyOn(globalThis, "setTimeout");
  systemClock.after(60 * DAY_MS, () => undefined).unref?.();
  vi.advanceTimersByTime(59 * DAY_MS);
  expect(made.mock.results.map(({ value }) => value.hasRef())).toEqual([false, false, false]);
});
