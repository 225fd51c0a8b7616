/** What every kind of window has. */
interface WindowBase {
  readonly name: string;
  readonly metric: string;
  /** Label names to group by, in order; the results carry exactly these labels. */
  readonly by: readonly string[];
  /** How long after its end the window still takes corrections. */
  readonly latenessMs: number;
}

/** Starts at `offsetMs` and every multiple of the slide from there. Tumbling where the slide equals the size, else sliding. */
export interface AlignedWindowSpec extends WindowBase {
  readonly kind: "aligned";
  readonly sizeMs: number;
  readonly slideMs: number;
  /** At least 0, less than the slide. */
  readonly offsetMs: number;
}

/** Calendar days, from local midnight to local midnight. */
export interface DayWindowSpec extends WindowBase {
  readonly kind: "day";
  /** IANA name, such as Europe/Berlin. */
  readonly timeZone: string;
}

/** Readings of a group between which no more than the gap passes. */
export interface SessionWindowSpec extends WindowBase {
  readonly kind: "session";
  readonly gapMs: number;
  /** A session that becomes longer is cut at multiples of this. */
  readonly lengthMsMax: number;
}

/** A window as the pipeline file defines it. */
export type WindowSpec = AlignedWindowSpec | DayWindowSpec | SessionWindowSpec;

/** What the windows need of a metric. */
export interface MetricSpec {
  readonly name: string;
  readonly unit: string;
  /** Names of accumulators and sketches, with their parameters: `mean`, `quantiles`, `histogram(10,20)`. */
  readonly accumulate: readonly string[];
  /** What an open pane has gained leaves every `liveIntervalMs`. */
  readonly isLive: boolean;
  /** It is of records: the stream that they come in, whose partitions its windows expect. Absent: of readings, from agents. */
  readonly stream?: string;
}
