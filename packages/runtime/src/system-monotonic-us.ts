/** CLOCK_MONOTONIC, µs since the machine's start: what other programs on it can compare with. */
export function systemMonotonicUs(): bigint {
  return process.hrtime.bigint() / 1_000n;
}
