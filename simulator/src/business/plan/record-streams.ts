import type { RecordStreamName } from "../business-record.ts";
import type { BusinessPlan } from "./business-plan.ts";

/** The streams that a plan makes. */
export function recordStreams({
  orders,
  transfers,
  trucks,
  appOpens,
  debezium,
}: BusinessPlan): RecordStreamName[] {
  return [
    ...(orders === null ? [] : (["orders"] as const)),
    ...(orders === null || debezium !== null ? [] : (["refunds"] as const)),
    ...(transfers === null ? [] : (["transfers"] as const)),
    ...(trucks === null ? [] : (["trucks"] as const)),
    ...(appOpens === null ? [] : (["app-opens"] as const)),
  ];
}
