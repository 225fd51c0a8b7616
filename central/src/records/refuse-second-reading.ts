import type { PipelineMetric, RecordStreamConfig } from "@millrace/config";
import type { Store } from "@millrace/queue";
import { MillraceError } from "@millrace/runtime";
import { paneKeyRange } from "@millrace/stream";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import type { StreamRecord } from "./record-stage.ts";

/**
 * Rejects with `records_again` where a stream that the store does not know would read a topic whose records its metrics hold
 * already, as those of another stream: each would count once more.
 *
 * @param known every stream that the store knows
 */
export async function refuseSecondReading(
  { name, kafka }: RecordStreamConfig,
  {
    store,
    known,
    metrics,
  }: {
    readonly store: Store;
    readonly known: readonly StreamRecord[];
    readonly metrics: readonly PipelineMetric[];
  },
): Promise<void> {
  if (kafka === null) return;
  const { topic } = kafka;
  const isOfTopic = ({ source }: Pick<StreamRecord, "source">) => source === `kafka ${topic}`;
  const before = known.find(
    (stream) => (isOfTopic(stream) || stream.former?.some(isOfTopic)) && stream.totals.aggregated > 0,
  );
  if (before === undefined) return;
  for (const { name: metric, stream } of metrics) {
    if (stream !== name) continue;
    if (await holdsOrHeld(store, metric))
      throw new MillraceError("records_again", { stream: name, topic, metric, before: before.stream });
  }
}

/** Whether there are panes of a metric, or were: sinks and history may have what was cleared here. */
async function holdsOrHeld(store: Store, metric: string): Promise<boolean> {
  if ((await store.get(CENTRAL_KEYS.cleared(encodeURIComponent(metric)))) !== undefined) return true;
  const { from, to } = paneKeyRange(metric);
  const panes = { from: CENTRAL_KEYS.engine(from), to: CENTRAL_KEYS.engine(to), limit: 1 };
  for await (const _ of store.range(panes)) return true;
  return false;
}
