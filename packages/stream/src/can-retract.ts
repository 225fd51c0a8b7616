import { accumulatorNamed } from "./accumulators/table.ts";

/** Whether what an accumulator or a sketch of this name was told can be taken back. */
export function canRetract(name: string): boolean {
  return accumulatorNamed(name)?.subtract !== undefined;
}
