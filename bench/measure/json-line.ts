import type { BenchReport } from "../bench.ts";
import type { Machine } from "./machine.ts";
import { rounded } from "./statistics.ts";

/** The last line of a benchmark. `ratio` is ours over the peer's; `better` says which way it should go. */
export function jsonLine(bench: string, report: BenchReport, machine: Machine): string {
  const { value, unit, better, peer, further } = report;
  return JSON.stringify({
    bench,
    value,
    unit,
    better,
    peer,
    ratio: rounded(value / peer.value),
    ...further,
    machine,
  });
}
