/** A unit in the base unit of its dimension: base = (value − zero) · factor / divisor. */
export interface Unit {
  readonly dimension: string;
  readonly factor: number;
  readonly divisor: number;
  /** Where the base unit has its zero. */
  readonly zero: number;
}

/** Factor and divisor are whole numbers wherever the definition is exact, so that conversions round once or twice. */
type Row = readonly [names: string, factor: number, divisor?: number, zero?: number];

/** By dimension, the base unit first; other spellings of a unit behind it. */
const ROWS: Readonly<Record<string, readonly Row[]>> = {
  temperature: [
    ["°C C Cel degC ℃", 1],
    ["°F F degF ℉", 5, 9, 32],
    ["K", 1, 1, 273.15],
  ],
  pressure: [
    ["Pa", 1],
    ["hPa", 100],
    ["kPa", 1_000],
    ["MPa", 1_000_000],
    ["mbar", 100],
    ["bar", 100_000],
    // 0.45359237 kg · 9.80665 m/s² on 0.0254² m².
    ["psi", 44_482_216_152_605, 6_451_600_000],
    ["atm", 101_325],
    ["Torr", 101_325, 760],
    ["mmHg", 133_322_387_415, 1_000_000_000],
    ["inHg", 3_386_388_640_341, 1_000_000_000],
  ],
  length: [
    ["m", 1],
    ["nm", 1, 1_000_000_000],
    ["µm μm um", 1, 1_000_000],
    ["mm", 1, 1_000],
    ["cm", 1, 100],
    ["km", 1_000],
    ["in", 254, 10_000],
    ["ft", 3_048, 10_000],
    ["yd", 9_144, 10_000],
    ["mi", 1_609_344, 1_000],
    ["nmi", 1_852],
  ],
  mass: [
    ["kg", 1],
    ["µg μg ug", 1, 1_000_000_000],
    ["mg", 1, 1_000_000],
    ["g", 1, 1_000],
    ["t", 1_000],
    ["lb", 45_359_237, 100_000_000],
    ["oz", 45_359_237, 1_600_000_000],
  ],
  speed: [
    ["m/s", 1],
    ["mm/s", 1, 1_000],
    ["cm/s", 1, 100],
    ["m/min", 1, 60],
    ["km/h", 10, 36],
    ["ft/s", 3_048, 10_000],
    ["ft/min", 3_048, 600_000],
    ["in/s", 254, 10_000],
    ["mph", 44_704, 100_000],
    ["kn", 1_852, 3_600],
  ],
  energy: [
    ["J", 1],
    ["kJ", 1_000],
    ["MJ", 1_000_000],
    ["GJ", 1_000_000_000],
    ["Wh", 3_600],
    ["kWh", 3_600_000],
    ["MWh", 3_600_000_000],
    ["cal", 4_184, 1_000],
    ["kcal", 4_184],
    // The International Table's.
    ["BTU Btu", 105_505_585_262, 100_000_000],
  ],
  power: [
    ["W", 1],
    ["mW", 1, 1_000],
    ["kW", 1_000],
    ["MW", 1_000_000],
    ["GW", 1_000_000_000],
    // 75 kgf·m/s; 550 ft·lbf/s.
    ["PS", 73_549_875, 100_000],
    ["hp", 74_569_987_158_227, 100_000_000_000],
    ["BTU/h Btu/h", 105_505_585_262, 360_000_000_000],
  ],
  angle: [
    ["° deg", 1],
    ["rad", 180, Math.PI],
    ["mrad", 180, 1_000 * Math.PI],
    ["gon", 9, 10],
    ["rev", 360],
    ["arcmin ′", 1, 60],
    ["arcsec ″", 1, 3_600],
  ],
  time: [
    ["s", 1],
    ["ns", 1, 1_000_000_000],
    ["µs μs us", 1, 1_000_000],
    ["ms", 1, 1_000],
    ["min", 60],
    ["h", 3_600],
    ["d", 86_400],
  ],
  flow: [
    ["m³/s m3/s", 1],
    ["m³/min m3/min", 1, 60],
    ["m³/h m3/h", 1, 3_600],
    ["L/s l/s", 1, 1_000],
    ["L/min l/min", 1, 60_000],
    ["L/h l/h", 1, 3_600_000],
    ["mL/min ml/min", 1, 60_000_000],
    ["gal/min gpm", 3_785_411_784, 60_000_000_000_000],
    ["ft³/min ft3/min cfm", 28_316_846_592, 60_000_000_000_000],
  ],
  volume: [
    ["m³ m3", 1],
    ["L l", 1, 1_000],
    ["mL ml cm³ cm3", 1, 1_000_000],
    ["hL hl", 1, 10],
    ["gal", 3_785_411_784, 1_000_000_000_000],
    ["ft³ ft3", 28_316_846_592, 1_000_000_000_000],
    ["in³ in3", 16_387_064, 1_000_000_000_000],
  ],
  frequency: [
    ["Hz", 1],
    ["mHz", 1, 1_000],
    ["kHz", 1_000],
    ["MHz", 1_000_000],
    ["GHz", 1_000_000_000],
    ["rpm 1/min", 1, 60],
  ],
  data: [
    ["B", 1],
    ["bit", 1, 8],
    ["kbit", 1_000, 8],
    ["Mbit", 1_000_000, 8],
    ["Gbit", 1_000_000_000, 8],
    ["kB", 1_000],
    ["MB", 1_000_000],
    ["GB", 1_000_000_000],
    ["TB", 1_000_000_000_000],
    ["KiB", 2 ** 10],
    ["MiB", 2 ** 20],
    ["GiB", 2 ** 30],
    ["TiB", 2 ** 40],
  ],
};

/** Units by name, in every spelling. */
export const UNIT_TABLE: ReadonlyMap<string, Unit> = new Map(
  Object.entries(ROWS).flatMap(([dimension, rows]) =>
    rows.flatMap(([names, factor, divisor = 1, zero = 0]) =>
      names.split(" ").map((name) => [name, { dimension, factor, divisor, zero }] as const),
    ),
  ),
);
