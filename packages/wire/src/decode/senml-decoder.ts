import { decodeFailure } from "./decode-failure.ts";
import type { Decoded } from "./decoded.ts";
import { LabelSources } from "./label-sources.ts";
import { NamePattern } from "./name-pattern.ts";
import type { PayloadDecoder } from "./payload-decoder.ts";
import type { SenmlSpec } from "./payload-spec.ts";
import { readNumber } from "./read-number.ts";
import type { SenmlRecord } from "./senml-records.ts";
import { shownText } from "./shown-text.ts";

export function senmlDecoder(spec: SenmlSpec): PayloadDecoder {
  const pattern = NamePattern.parse(spec.name);
  if (pattern === undefined) throw new Error(`invariant: ${spec.name} is no pattern`);
  const labels = new LabelSources(pattern.captures.map((name, index) => [name, index]));

  function read(record: SenmlRecord, captured: readonly string[]): Decoded {
    if (spec.unit !== undefined && record.unit !== spec.unit)
      return decodeFailure(
        "malformed",
        `unit ${shownText(record.unit ?? "missing")} in place of ${spec.unit}`,
      );
    const value = readNumber(spec.read === "sum" ? record.sum : record.value, `as ${spec.read}`);
    if (typeof value !== "number") return value;
    const labelled = labels.read((index) => captured[index]);
    if (!("values" in labelled)) return labelled;
    const { time, hasOwnTime } = record;
    return {
      ok: true,
      value,
      timeMs: time === null ? null : time.timeMs,
      timeSubMsNs: time === null ? 0 : time.subMsNs,
      hasOwnTime,
      quality: "good",
      labels: labelled.values,
    };
  }

  return {
    labelNames: labels.names,
    timeUnit: "s",
    decode(payload) {
      const decoded: Decoded[] = [];
      for (const record of payload.senmlRecords()) {
        const captured = pattern.match(record.name);
        if (captured === undefined) continue;
        const element = read(record, captured);
        decoded.push(
          element.ok
            ? element
            : {
                ...element,
                detail: `record ${record.number} (${shownText(record.name)}): ${element.detail}`,
              },
        );
      }
      return decoded;
    },
  };
}
