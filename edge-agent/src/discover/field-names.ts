import { parseSourceTime, TIME_UNITS, type TimeUnit } from "@millrace/wire";

const TIME = /^(t|ts|time|date|datetime|timestamp|(event|source|measured|sensor)_?(time|at|timestamp))$/i;
const QUALITY = /^(q|quality)$/i;
const UNIT = /^(u|unit|units|uom)$/i;
const NO_MEASURE = /^(id|seq|sequence|seqno|version)$/i;
/** Says only that it is a value. */
const GENERIC = /^(v|val|value|values|reading|measurement|data)$/i;
const LABEL = /^[\p{L}_][\p{L}\p{N}_]*$/u;
const DATE_ALONE = /^\d{4}-\d\d-\d\d$/;
/** A number is a time where it lies this near to now. */
const TIME_DISTANCE_MS = 5 * 365 * 86_400_000;
const UNIT_LENGTH_MAX = 16;

/** What fields of payloads mean, by their names and values. */
export const fieldNames = {
  isTime: (name: string) => TIME.test(name),
  isQuality: (name: string) => QUALITY.test(name),
  isUnit: (name: string) => UNIT.test(name),
  isMeasure: (name: string) => !NO_MEASURE.test(name),
  isGeneric: (name: string) => GENERIC.test(name),
  /** `site` is the agent's. */
  isLabel: (name: string) => LABEL.test(name) && name !== "site",
  /** A configuration file would take `${…}` for a variable. */
  hasVariable: (text: string) => text.includes("${"),
  /** The unit since the epoch in which all are times of now. */
  timeUnit(values: readonly unknown[], nowMs: number): TimeUnit | undefined {
    return TIME_UNITS.find((unit) =>
      values.every((value) => {
        // A date alone may have its time of day in another field.
        const time = DATE_ALONE.test(String(value)) ? undefined : parseSourceTime(value, unit);
        return time !== undefined && Math.abs(time.timeMs - nowMs) < TIME_DISTANCE_MS;
      }),
    );
  },
  /** The unit that all tell. */
  unitOf(values: readonly unknown[]): string | null {
    const [first] = values;
    const isOne = typeof first === "string" && values.every((value) => value === first);
    if (!isOne || first === "" || first.length > UNIT_LENGTH_MAX) return null;
    return fieldNames.hasVariable(first) ? null : first;
  },
};
