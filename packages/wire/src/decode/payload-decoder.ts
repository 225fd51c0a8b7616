import type { TimeUnit } from "../source-time.ts";
import { csvDecoder } from "./csv-decoder.ts";
import type { Decoded } from "./decoded.ts";
import { influxDecoder } from "./influx-decoder.ts";
import { jsonDecoder } from "./json-decoder.ts";
import { numberDecoder } from "./number-decoder.ts";
import type { Payload } from "./payload.ts";
import type { PayloadSpec } from "./payload-spec.ts";
import type { PlainReadings } from "./plain-readings.ts";
import { senmlDecoder } from "./senml-decoder.ts";

/** Reads one metric's readings out of payloads. */
export interface PayloadDecoder {
  /** Labels that the payload gives to each reading. */
  readonly labelNames: readonly string[];
  /** The unit of the readings' own time, for messages; null where they have none. */
  readonly timeUnit: TimeUnit | null;
  /**
   * The metric's readings and failures, in the payload's order; empty when it has none of this metric. What no metric
   * could read is in the payload's own `failures`. Never throws; the caller bounds the payload's size.
   */
  decode(payload: Payload): readonly Decoded[];
  /**
   * The quick way, where there is one: the good readings of a payload of the plainest kind, without labels of their own.
   * False where it is not of that kind, and `decode` decides.
   */
  readonly plain?: PlainDecoder | undefined;
}

export interface PlainDecoder {
  readonly hasOwnTime: boolean;
  read(bytes: Uint8Array, into: PlainReadings): boolean;
}

/** The decoder for a checked specification. */
export function payloadDecoder(spec: PayloadSpec): PayloadDecoder {
  switch (spec.kind) {
    case "number":
      return numberDecoder;
    case "json":
      return jsonDecoder(spec);
    case "csv":
      return csvDecoder(spec);
    case "senml":
      return senmlDecoder(spec);
    case "influx":
      return influxDecoder(spec);
  }
}
