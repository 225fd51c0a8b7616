import type { Metric } from "../plan/metric.ts";
import type { TruthReading } from "../truth/truth-line.ts";
import { FORMAT_TRAITS, type ReadingFormat, topicLevelOf } from "./reading-format.ts";

export interface NumberedReading {
  /** In the truth. */
  readonly number: number;
  readonly reading: TruthReading;
}

/** Readings that go out together. */
export interface MessageDraft {
  readonly format: ReadingFormat;
  /** Last level of the topic. */
  readonly level: string;
  readonly entries: readonly NumberedReading[];
}

export interface MessageMakerOptions {
  formatOf(site: string, metric: Metric): ReadingFormat;
  /** Readings of one signal in a message, where the format gathers ticks. */
  readonly batch: number;
}

/** Puts readings into messages as their formats gather them. Holds at most a batch of each signal. */
export class MessageMaker {
  readonly #options: MessageMakerOptions;
  /** By machine and metric. */
  readonly #batches = new Map<string, MessageDraft & { readonly entries: NumberedReading[] }>();

  constructor(options: MessageMakerOptions) {
    this.#options = options;
  }

  /** The messages that one tick of a machine completes. */
  add(entries: readonly NumberedReading[]): MessageDraft[] {
    const drafts: MessageDraft[] = [];
    let ofTick: Map<ReadingFormat, NumberedReading[]> | undefined;
    for (const entry of entries) {
      const { site, metric } = entry.reading;
      const format = this.#options.formatOf(site, metric);
      const level = topicLevelOf(format, metric);
      switch (FORMAT_TRAITS[format].gathers) {
        case "one":
          drafts.push({ format, level, entries: [entry] });
          break;
        case "machine": {
          ofTick ??= new Map();
          const others = ofTick.get(format);
          if (others !== undefined) others.push(entry);
          else {
            const gathered = [entry];
            ofTick.set(format, gathered);
            drafts.push({ format, level, entries: gathered });
          }
          break;
        }
        case "ticks": {
          const draft = this.#addToBatch(entry, format, level);
          if (draft !== null) drafts.push(draft);
        }
      }
    }
    return drafts;
  }

  get hasWaiting(): boolean {
    return this.#batches.size > 0;
  }

  *waitingNumbers(): Generator<number> {
    for (const { entries } of this.#batches.values()) for (const { number } of entries) yield number;
  }

  /** What is left of batches that did not get full, in the order in which they were begun. */
  rest(): MessageDraft[] {
    const drafts = [...this.#batches.values()];
    this.#batches.clear();
    return drafts;
  }

  #addToBatch(entry: NumberedReading, format: ReadingFormat, level: string): MessageDraft | null {
    const { site, line, machine, metric } = entry.reading;
    const key = `${site}/${line}/${machine}/${metric}`;
    let batch = this.#batches.get(key);
    if (batch === undefined) this.#batches.set(key, (batch = { format, level, entries: [] }));
    batch.entries.push(entry);
    if (batch.entries.length < this.#options.batch) return null;
    this.#batches.delete(key);
    return batch;
  }
}
