import type { UnitConversion } from "./unit-conversion.ts";

/** From what a sensor sends to what its metric means. */
export interface ValueAdjustment {
  readonly scale: number;
  readonly offset: number;
  readonly conversion: UnitConversion | null;
}

/** value · scale + offset, then converted; may be infinite. */
export function adjustValue(value: number, { scale, offset, conversion }: ValueAdjustment): number {
  const scaled = value * scale + offset;
  if (conversion === null) return scaled;
  return ((scaled - conversion.subtract) * conversion.multiply) / conversion.divide + conversion.add;
}
