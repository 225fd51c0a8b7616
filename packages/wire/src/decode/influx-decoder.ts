import { parseSourceTime } from "../source-time.ts";
import { decodeFailure } from "./decode-failure.ts";
import type { Decoded } from "./decoded.ts";
import type { InfluxLine } from "./influx-lines.ts";
import { LabelSources } from "./label-sources.ts";
import type { PayloadDecoder } from "./payload-decoder.ts";
import type { InfluxSpec } from "./payload-spec.ts";
import { readNumber } from "./read-number.ts";
import { shownText } from "./shown-text.ts";

export function influxDecoder(spec: InfluxSpec): PayloadDecoder {
  const labels = new LabelSources(Object.entries(spec.labels ?? {}));
  const where = Object.entries(spec.where ?? {});

  function read(line: InfluxLine, field: number | string | boolean): Decoded {
    const value = readNumber(field, `in ${spec.field}`);
    if (typeof value !== "number") return value;
    const labelled = labels.read((tag) => tagOf(line, tag));
    if (!("values" in labelled)) return labelled;
    const common = { ok: true, value, quality: "good", labels: labelled.values } as const;
    if (line.time === undefined) return { ...common, timeMs: null, timeSubMsNs: 0, hasOwnTime: false };
    const time = parseSourceTime(line.time, spec.precision);
    if (time === undefined)
      return decodeFailure("bad_time", `${shownText(line.time)} is no time in ${spec.precision}`);
    return { ...common, timeMs: time.timeMs, timeSubMsNs: time.subMsNs, hasOwnTime: true };
  }

  return {
    labelNames: labels.names,
    timeUnit: spec.precision,
    decode(payload) {
      const decoded: Decoded[] = [];
      for (const line of payload.influxLines()) {
        if (line.measurement !== spec.measurement) continue;
        if (where.some(([tag, value]) => tagOf(line, tag) !== value)) continue;
        const field = line.fields.findLast(([key]) => key === spec.field);
        if (field === undefined) continue;
        const element = read(line, field[1]);
        decoded.push(element.ok ? element : { ...element, detail: `line ${line.line}: ${element.detail}` });
      }
      return decoded;
    },
  };
}

function tagOf({ tags }: InfluxLine, name: string): string | undefined {
  return tags.find(([key]) => key === name)?.[1];
}
