import type { MetricSpec, WindowSpec } from "@millrace/stream";
import { baseUnit } from "./base-unit.ts";
import type { BaseUnit } from "./base-unit.ts";

/** How a result of a window is shown. */
export interface WindowGauge {
  /** Without what says which of the group's windows it is of. */
  readonly name: string;
  readonly help: string;
  /** Upper bound of a histogram's bucket; null: it is none. */
  readonly bound: string | null;
  readonly toBase: (value: number) => number;
}

/** In the metric's unit, as a reading is. */
const VALUES = new Set(["mean", "min", "max", "first", "last", "timeMean"]);
const QUANTILE = /^p\d+$/;
/** In the metric's unit, but counted from nowhere. */
const DIFFERENCES = new Set(["stddev", "range", "increase", "distance"]);

/** The gauges of one window's results; null where a result has none. Results are asked for by their names in `values`. */
export class WindowGauges {
  readonly #metric: string;
  readonly #counted: string;
  readonly #unit: string;
  readonly #base: BaseUnit;
  readonly #gauges = new Map<string, WindowGauge | null>();

  constructor({ metric }: Pick<WindowSpec, "metric">, { unit, stream }: Pick<MetricSpec, "unit" | "stream">) {
    this.#metric = metric;
    this.#counted = stream === undefined ? "readings" : "records";
    this.#unit = unit;
    this.#base = baseUnit(unit);
  }

  of(result: string): WindowGauge | null {
    let gauge = this.#gauges.get(result);
    if (gauge === undefined) {
      gauge = this.#make(result);
      this.#gauges.set(result, gauge);
    }
    return gauge;
  }

  #make(result: string): WindowGauge | null {
    const { subtract, multiply, divide, add } = this.#base;
    const scale = (value: number) => (value * multiply) / divide;
    if (VALUES.has(result) || QUANTILE.test(result))
      return this.#inUnit(result, (value) => scale(value - subtract) + add);
    if (DIFFERENCES.has(result)) return this.#inUnit(result, scale);
    if (result === "rate") return this.#inUnit("rate", scale, "per_second");
    // A sum of temperatures in kelvin says nothing in celsius.
    if (result === "sum") return subtract === 0 && add === 0 ? this.#inUnit("sum", scale) : null;
    const [, bound] = /^le_(.+)$/.exec(result) ?? [];
    if (bound !== undefined) {
      const inBase = bound === "inf" ? "+Inf" : String(scale(Number(bound) - subtract) + add);
      return this.#plain(`${this.#counted}_at_most`, `${this.#counted} up to the bound`, inBase);
    }
    if (result === "count") return this.#plain(this.#counted, this.#counted);
    // A gauge may not end in _count either.
    if (result === "topCount")
      return this.#plain(`top_${this.#counted}`, `${this.#counted} of the most frequent`);
    return this.#plain(snake(result), result);
  }

  #inUnit(result: string, toBase: WindowGauge["toBase"], per = ""): WindowGauge {
    const unit = [this.#base.suffix, per].filter((part) => part !== "").join("_");
    const stem = snake(this.#metric).replace(new RegExp(`_${this.#base.suffix}$`), "");
    // A gauge may not end in _sum: that is a histogram's.
    const name = result === "sum" && unit === "" ? "sum_value" : snake(result);
    const inUnit =
      unit === "" ? "" : `, in ${unit.replaceAll("_", " ")} (unit in the pipeline: ${this.#unit})`;
    return {
      name: [stem, name, unit].filter((part) => part !== "").join("_"),
      help: `${result} of ${this.#metric}${inUnit}`,
      bound: null,
      toBase,
    };
  }

  #plain(name: string, what: string, bound: string | null = null): WindowGauge {
    return {
      name: `${snake(this.#metric)}_${name}`,
      help: `${what} of ${this.#metric}`,
      bound,
      toBase: (value) => value,
    };
  }
}

function snake(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
}
