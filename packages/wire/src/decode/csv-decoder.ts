import { parseSourceTime } from "../source-time.ts";
import type { CsvRow } from "./csv-rows.ts";
import { decodeFailure } from "./decode-failure.ts";
import type { Decoded, DecodeFailure } from "./decoded.ts";
import { LabelSources } from "./label-sources.ts";
import type { Payload } from "./payload.ts";
import type { PayloadDecoder } from "./payload-decoder.ts";
import type { CsvSpec } from "./payload-spec.ts";
import { readNumber } from "./read-number.ts";
import { readQuality } from "./read-quality.ts";
import { shownText } from "./shown-text.ts";

export function csvDecoder(spec: CsvSpec): PayloadDecoder {
  const labels = new LabelSources(Object.entries(spec.labels ?? {}));
  const used = [spec.value, spec.time?.column, spec.quality?.column, ...Object.values(spec.labels ?? {})];

  function read({ fields }: CsvRow, columns: readonly string[]): Decoded {
    if (fields.length !== columns.length)
      return decodeFailure("malformed", `${fields.length} fields in place of ${columns.length}`);
    const find = (column: string): string => fields[columns.indexOf(column)];
    const value = readNumber(find(spec.value), `in ${spec.value}`);
    if (typeof value !== "number") return value;
    const labelled = labels.read(find);
    if (!("values" in labelled)) return labelled;
    const { quality: meaning } = spec;
    const quality =
      meaning === undefined ? "good" : readQuality(find(meaning.column) || undefined, meaning, true);
    const common = { ok: true, value, quality, labels: labelled.values } as const;
    if (spec.time === undefined) return { ...common, timeMs: null, timeSubMsNs: 0, hasOwnTime: false };
    const time = parseSourceTime(find(spec.time.column), spec.time.unit);
    if (time === undefined)
      return decodeFailure("bad_time", `no time in ${spec.time.unit} in ${spec.time.column}`);
    return { ...common, timeMs: time.timeMs, timeSubMsNs: time.subMsNs, hasOwnTime: true };
  }

  function decode(payload: Payload): readonly Decoded[] {
    const rows = payload.csvRows(spec.delimiter);
    if (rows.length === 0) return [];
    const columns = spec.columns ?? rows[0].fields;
    const readings = spec.columns === undefined ? rows.slice(1) : rows;
    const missing = missingColumn(used, columns);
    if (missing !== undefined) return [{ ...missing, count: Math.max(1, readings.length) }];
    return readings.map((row) => {
      const decoded = read(row, columns);
      return decoded.ok ? decoded : { ...decoded, detail: `line ${row.line}: ${decoded.detail}` };
    });
  }

  return { labelNames: labels.names, timeUnit: spec.time?.unit ?? null, decode };
}

function missingColumn(
  used: readonly (string | undefined)[],
  columns: readonly string[],
): DecodeFailure | undefined {
  const missing = used.find((column) => column !== undefined && !columns.includes(column));
  if (missing === undefined) return undefined;
  return decodeFailure("malformed", `no column ${missing} in ${shownText(columns.join(", "))}`);
}
