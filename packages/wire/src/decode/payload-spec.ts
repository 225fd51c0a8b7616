import type { TimeUnit } from "../source-time.ts";

/** How a sensor's payload is read. Paths are JSON paths such as `$.a.b[0]`; `labels` are by name. */
export type PayloadSpec = { readonly kind: "number" } | JsonSpec | CsvSpec | SenmlSpec | InfluxSpec;

export interface JsonSpec {
  readonly kind: "json";
  /** Arrays of readings: `$.readings`, `$.machines[*].readings`. The other paths begin at an element then. */
  readonly each?: string;
  readonly value: string;
  readonly time?: { readonly path: string; readonly unit: TimeUnit };
  readonly quality?: QualityMeaning & { readonly path: string };
  readonly labels?: Readonly<Record<string, string>>;
}

/** One reading a line. Its columns are named by the first line, or by `columns` where there is no such line. */
export interface CsvSpec {
  readonly kind: "csv";
  /** One character. */
  readonly delimiter: string;
  readonly columns?: readonly string[];
  readonly value: string;
  readonly time?: { readonly column: string; readonly unit: TimeUnit };
  readonly quality?: QualityMeaning & { readonly column: string };
  readonly labels?: Readonly<Record<string, string>>;
}

/** SenML in JSON (RFC 8428): the records whose name has the pattern; what it captures becomes labels. */
export interface SenmlSpec {
  readonly kind: "senml";
  readonly name: string;
  readonly read: "value" | "sum";
  /** The records' unit: those in another are refused. */
  readonly unit?: string;
}

/** InfluxDB line protocol: one field of the lines of a measurement. */
export interface InfluxSpec {
  readonly kind: "influx";
  readonly measurement: string;
  readonly field: string;
  readonly precision: Exclude<TimeUnit, "iso">;
  /** Tags that a line must have to be read. */
  readonly where?: Readonly<Record<string, string>>;
  /** The tag of each label. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Which values mean what; every other one is bad, a missing one is uncertain. */
export interface QualityMeaning {
  /** Default: good, Good, GOOD, 192, true. */
  readonly good?: readonly (string | number | boolean)[];
  /** Default: uncertain, Uncertain, UNCERTAIN, 64. */
  readonly uncertain?: readonly (string | number | boolean)[];
}
