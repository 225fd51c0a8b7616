import type { RecordStreamName } from "../../simulator/src/business/business-record.ts";

interface RecordMetricText {
  readonly metric: string;
  readonly id: string;
  readonly value: string;
  readonly map?: Readonly<Record<string, number>>;
  readonly label?: string;
}

const METRICS: Readonly<Record<RecordStreamName, RecordMetricText>> = {
  orders: { metric: "order_amount", id: "order_id", value: "amount", label: "region" },
  refunds: { metric: "refund_amount", id: "refund_id", value: "amount", label: "region" },
  transfers: { metric: "transfer_amount", id: "transfer_id", value: "amount" },
  trucks: { metric: "truck_speed", id: "report_id", value: "speed", label: "truck" },
  "app-opens": {
    metric: "app_opens",
    id: "open_id",
    value: "platform",
    map: { android: 0, ios: 1, web: 2 },
    label: "platform",
  },
};

/** A metric and a window of each of these streams, as parts of a pipeline. */
export function recordMetrics(
  streams: readonly RecordStreamName[],
  options: { readonly time: object; readonly size: string },
): {
  readonly metrics: Readonly<Record<string, object>>;
  readonly windows: Readonly<Record<string, object>>;
} {
  const { time, size } = options;
  const metrics: Record<string, object> = {};
  const windows: Record<string, object> = {};
  for (const stream of streams) {
    const { metric, id, value, map, label } = METRICS[stream];
    metrics[metric] = {
      unit: "1",
      from: {
        records: stream,
        json: {
          id: `$.${id}`,
          time: { path: "$.time", ...time },
          value: `$.${value}`,
          ...(map === undefined ? {} : { map }),
          ...(label === undefined ? {} : { labels: { [label]: `$.${label}` } }),
        },
      },
      accumulate: ["count", "sum", "mean", "min", "max"],
    };
    windows[`${metric}_${size}`] = {
      metric,
      size,
      ...(label === undefined ? {} : { by: [label] }),
      late: { allowed: "1d" },
    };
  }
  return { metrics, windows };
}
