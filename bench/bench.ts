/** One hot path, measured beside a peer on the same machine in the same run. */
export interface Bench {
  /** As on the command line. */
  readonly name: string;
  /** One line: what is measured, against what. */
  readonly summary: string;
  run(options: BenchOptions): Promise<BenchReport>;
}

export interface BenchOptions {
  /** Done within 20 s; the figures are rougher. */
  readonly isQuick: boolean;
  /** Of a benchmark that lasts as long as one likes; its own length by default. */
  readonly minutes?: number | undefined;
  /** A line for the person who waits. */
  say(line: string): void;
}

export interface BenchReport {
  /** The figure that the goal names. */
  readonly value: number;
  readonly unit: string;
  readonly better: "higher" | "lower";
  readonly peer: { readonly name: string; readonly value: number };
  /** Further figures, each named with its unit. */
  readonly further: Readonly<Record<string, number>>;
}
