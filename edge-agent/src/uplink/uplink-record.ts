import type { KafkaSentRecord } from "@millrace/kafka";
import type { uplinkRecord } from "@millrace/wire";

/** What the uplink writes to its topic. */
export type UplinkRecord = ReturnType<typeof uplinkRecord> & Pick<KafkaSentRecord, "topic">;
