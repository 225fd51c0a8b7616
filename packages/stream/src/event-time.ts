declare const unit: unique symbol;

/** Event time: integer milliseconds since the epoch, UTC. Plain numbers are accepted; other units are not. */
export type EventTimeMs = number & { readonly [unit]?: "event time ms" };

/** A half-open range of event time, `[startMs, endMs)`. */
export interface TimeRange {
  readonly startMs: EventTimeMs;
  readonly endMs: EventTimeMs;
}
