import { unitConversion } from "@millrace/wire";

/** How values of a unit are said in Prometheus: `(value − subtract) · multiply / divide + add`, under this ending of a name. */
export interface BaseUnit {
  /** Empty: it has no dimension. */
  readonly suffix: string;
  readonly subtract: number;
  readonly multiply: number;
  readonly divide: number;
  readonly add: number;
}

/** By the base unit of a dimension (Prometheus, Metric and label naming: Base units; the others by SI). */
const SUFFIXES: Readonly<Record<string, string>> = {
  "°C": "celsius",
  Pa: "pascals",
  m: "meters",
  g: "grams",
  "m/s": "meters_per_second",
  J: "joules",
  W: "watts",
  "°": "degrees",
  s: "seconds",
  "m³/s": "cubic_meters_per_second",
  "m³": "cubic_meters",
  Hz: "hertz",
  B: "bytes",
};

/** Units that are converted by nothing but a factor, and stand in no table of dimensions. */
const PLAIN: Readonly<Record<string, readonly [suffix: string, divide: number]>> = {
  "": ["", 1],
  "1": ["", 1],
  "%": ["ratio", 100],
  V: ["volts", 1],
  mV: ["volts", 1_000],
  A: ["amperes", 1],
  mA: ["amperes", 1_000],
  Ω: ["ohms", 1],
  dB: ["decibels", 1],
};

/** The base unit of a metric's unit; a unit that nobody knows stays as it is, spelt as a name may be. */
export function baseUnit(unit: string): BaseUnit {
  for (const [base, suffix] of Object.entries(SUFFIXES)) {
    const found = unitConversion(unit, base);
    if (found.ok) return { suffix, ...found.conversion };
  }
  const plain = Object.hasOwn(PLAIN, unit) ? PLAIN[unit] : undefined;
  if (plain !== undefined) return scaled(plain[0], plain[1]);
  const [, of, per] = /^(.+)\/(s|min|h)$/.exec(unit) ?? [];
  if (of !== undefined && per !== undefined) {
    const amount = baseUnit(of);
    const { divide } = unitPerSecond(per);
    if (amount.subtract === 0 && amount.add === 0)
      return {
        ...amount,
        divide: amount.divide * divide,
        suffix: amount.suffix === "" ? "per_second" : `${amount.suffix}_per_second`,
      };
  }
  return scaled(spelt(unit), 1);
}

function unitPerSecond(per: string): { readonly divide: number } {
  return { divide: per === "s" ? 1 : per === "min" ? 60 : 3_600 };
}

function scaled(suffix: string, divide: number): BaseUnit {
  return { suffix, subtract: 0, multiply: 1, divide, add: 0 };
}

function spelt(unit: string): string {
  return unit
    .toLowerCase()
    .replaceAll("/", "_per_")
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replaceAll(/^_+|_+$/g, "");
}
