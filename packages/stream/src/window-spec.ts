/** A window as the pipeline file defines it. Tumbling where `slideMs` equals `sizeMs`, sliding otherwise. */
export interface WindowSpec {
  readonly name: string;
  readonly metric: string;
  readonly sizeMs: number;
  readonly slideMs: number;
  /** Label names to group by, in order; the results carry exactly these labels. */
  readonly by: readonly string[];
  /** How long after its end the window still takes corrections. */
  readonly latenessMs: number;
}

/** What the windows need of a metric. */
export interface MetricSpec {
  readonly name: string;
  readonly unit: string;
  /** Names of accumulators and sketches, with their parameters: `mean`, `quantiles`, `histogram(10,20)`. */
  readonly accumulate: readonly string[];
  /** What an open pane has gained leaves every `liveIntervalMs`. */
  readonly isLive: boolean;
}
