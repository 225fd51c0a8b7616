import type { Reading, WindowResult } from "@millrace/stream";

/**
 * What the cases ask of whoever makes windows of so many readings: what agents have taken in, in order of arrival, and at once the
 * windows that this makes full. Calls come one after another, as those of a `MergeEngine`.
 */
export interface CountEngine {
  add(agent: string, reading: Reading): readonly FullWindow[] | Promise<readonly FullWindow[]>;
  /** Stops, and goes on from what it has stored. */
  restart(): void | Promise<void>;
}

/** A full window of one series of an agent: it is said once, and never revised. */
export interface FullWindow extends Pick<WindowResult, "values"> {
  readonly window: string;
  readonly agent: string;
  readonly labels: Readonly<Record<string, string>>;
  /** From 1, of its series. */
  readonly number: number;
  /** Least and greatest event time of its readings. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly beside: { readonly uncertain: number; readonly bad: number };
}
