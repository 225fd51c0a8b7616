import type { CentralClient } from "./central-client.ts";
import type { Unjudged } from "./unknown-alarms.ts";

export interface UnreadPartsOptions {
  readonly pipeline: Pick<
    Awaited<ReturnType<CentralClient["pipeline"]>>,
    "windows" | "windowedMetrics" | "recordMetrics"
  >;
  /** Names of windows that were held against the truth's readings. */
  readonly judgedWindows: ReadonlySet<string>;
  /** Of the truth's readings. */
  readonly metrics: ReadonlySet<string>;
  readonly timelessMetrics: ReadonlySet<string>;
  readonly timelessRules: ReadonlySet<string>;
  /** The truth makes records, whose judge says itself what it cannot judge. */
  readonly hasRecords: boolean;
}

/** What central has of readings and the truth does not, or the other way round, and why. */
export function unreadParts(options: UnreadPartsOptions): Unjudged[] {
  const { pipeline, judgedWindows, metrics, timelessMetrics, timelessRules, hasRecords } = options;
  const { windows, windowedMetrics, recordMetrics } = pipeline;
  const timeless = windows.filter(({ metric }) => timelessMetrics.has(metric)).map(({ name }) => name);
  const isOfRecords = ({ metric }: { readonly metric: string }): boolean => recordMetrics.has(metric);
  const left = windows.filter(({ name }) => !judgedWindows.has(name) && !timeless.includes(name));
  const ofReadings = left.filter((each) => !isOfRecords(each)).map(({ name }) => name);
  const ofRecords = left.filter(isOfRecords).map(({ name }) => name);
  const unread = [...metrics].filter((metric) => !windowedMetrics.has(metric));
  return [
    ...[...timeless, ...[...timelessRules].map((rule) => `rule ${rule}`)].map((what) => ({
      what,
      why: "readings do not say their time",
    })),
    ...together(ofReadings, "no reading of the truth is in them"),
    ...(hasRecords ? [] : together(ofRecords, "the truth makes no records")),
    ...together(
      unread.map((metric) => `readings of ${metric}`),
      "no window of central's pipeline has them",
    ),
  ];
}

function together(names: readonly string[], why: string): Unjudged[] {
  return names.length === 0 ? [] : [{ what: names.join(", "), why }];
}
