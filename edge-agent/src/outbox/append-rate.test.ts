// Bytes an hour are those of the last hour's whole minutes.
import { expect, test } from "vitest";
import { AppendRate } from "./append-rate.ts";

test("nothing is said before a minute is over; then by what there is; never of more than an hour", () => {
  const rate = new AppendRate();
  expect(rate.bytesPerHour(0)).toBeNull();
  rate.add(100, 10_000);
  expect(rate.bytesPerHour(59_999)).toBeNull();
  expect(rate.bytesPerHour(60_000)).toBe(6_000);
  rate.add(300, 70_000);
  expect(rate.bytesPerHour(120_000)).toBe(12_000);
  for (let minute = 2; minute < 300; minute += 1) rate.add(10, minute * 60_000);
  expect(rate.bytesPerHour(300 * 60_000)).toBe(600);
  // Silence counts too, and ends in nothing to say.
  expect(rate.bytesPerHour(330 * 60_000)).toBe(300);
  expect(rate.bytesPerHour(400 * 60_000)).toBeNull();
});
