import { UNIT_TABLE } from "./unit-table.ts";

/** value → (value − subtract) · multiply / divide + add. */
export interface UnitConversion {
  readonly subtract: number;
  readonly multiply: number;
  readonly divide: number;
  readonly add: number;
}

export type UnitConversionResult =
  | { readonly ok: true; readonly conversion: UnitConversion }
  /** `units`: those that would do. */
  | { readonly ok: false; readonly unknown: "from" | "to" | "neither"; readonly units: readonly string[] };

/** From a unit to another of the same dimension. */
export function unitConversion(from: string, to: string): UnitConversionResult {
  const source = UNIT_TABLE.get(from);
  const target = UNIT_TABLE.get(to);
  if (target === undefined) return { ok: false, unknown: "to", units: [...UNIT_TABLE.keys()] };
  if (source?.dimension !== target.dimension) {
    const units = [...UNIT_TABLE].flatMap(([name, { dimension }]) =>
      dimension === target.dimension ? [name] : [],
    );
    return { ok: false, unknown: source === undefined ? "from" : "neither", units };
  }
  return {
    ok: true,
    conversion: {
      subtract: source.zero,
      ...ratio([source.factor, target.divisor], [source.divisor, target.factor]),
      add: target.zero,
    },
  };
}

/** The two products, in lowest terms where they are whole numbers: small ones round least. */
function ratio(above: readonly [number, number], below: readonly [number, number]) {
  if (![...above, ...below].every(Number.isSafeInteger))
    return { multiply: above[0] * above[1], divide: below[0] * below[1] };
  const multiply = BigInt(above[0]) * BigInt(above[1]);
  const divide = BigInt(below[0]) * BigInt(below[1]);
  let [greater, less] = [multiply, divide];
  while (less > 0n) [greater, less] = [less, greater % less];
  return { multiply: Number(multiply / greater), divide: Number(divide / greater) };
}
