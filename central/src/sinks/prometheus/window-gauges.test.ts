// What a window's results are called in Prometheus, and in which unit they are said.
import { expect, test } from "vitest";
import { WindowGauges } from "./window-gauges.ts";

function gauge(metric: string, unit: string, result: string, stream?: string) {
  const found = new WindowGauges({ metric }, { unit, ...(stream === undefined ? {} : { stream }) }).of(
    result,
  );
  return found && [found.name, found.bound, Number(found.toBase(100).toPrecision(12))];
}

test.each([
  ["temperature", "°C", "mean", ["temperature_mean_celsius", null, 100]],
  ["temperature", "°C", "count", ["temperature_readings", null, 100]],
  ["oven", "°F", "p99", ["oven_p99_celsius", null, 37.7777777778]],
  ["oven", "°F", "stddev", ["oven_stddev_celsius", null, 55.5555555556]],
  ["oven", "°F", "sum", null],
  ["vibration", "mm/s", "timeMean", ["vibration_time_mean_meters_per_second", null, 0.1]],
  ["vibration", "mm/s", "inexact", ["vibration_inexact", null, 100]],
  ["energy", "kWh", "rate", ["energy_rate_joules_per_second", null, 360_000_000]],
  ["energy", "kWh", "le_0.5", ["energy_readings_at_most", "1800000", 100]],
  ["energy", "kWh", "le_inf", ["energy_readings_at_most", "+Inf", 100]],
  ["flowRate", "1", "sum", ["flow_rate_sum_value", null, 100]],
  ["flowRate", "1", "mean", ["flow_rate_mean", null, 100]],
  ["wait_seconds", "ms", "max", ["wait_max_seconds", null, 0.1]],
  ["pressure", "bar", "topCount", ["pressure_top_readings", null, 100]],
  ["pressure", "bar", "topErrorMax", ["pressure_top_error_max", null, 100]],
  ["users", "1", "distinctError", ["users_distinct_error", null, 100]],
])("%s in %s: %s", (metric, unit, result, expected) => {
  expect(gauge(metric, unit, result)).toEqual(expected);
});

test("records are counted as records", () => {
  expect(gauge("order_amount", "CNY", "count", "orders")).toEqual(["order_amount_records", null, 100]);
});
