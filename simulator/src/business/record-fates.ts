import { damagePayload } from "../delivery/damage-payload.ts";
import type { DeliveryPlan } from "../delivery/delivery-plan.ts";
import { MessageFates } from "../delivery/message-fates.ts";
import { streamName } from "../signal/random-stream.ts";
import type { BusinessRecord, RecordStreamName } from "./business-record.ts";
import type { BusinessTruthLine } from "./truth/business-truth-line.ts";

export interface RecordFatesOptions {
  readonly plan: DeliveryPlan;
  readonly seed: number;
  readonly record: (line: BusinessTruthLine) => void;
}

/** What befalls records between their source and the receiver; each stream draws from a stream of chance of its own. */
export class RecordFates {
  readonly #options: RecordFatesOptions;
  readonly #fates = new Map<RecordStreamName, MessageFates>();

  constructor(options: RecordFatesOptions) {
    this.#options = options;
  }

  /** Records in their order, each as it will come, its copy behind it; what is not as it should be is written down. */
  *meet(records: Iterable<BusinessRecord>): Generator<BusinessRecord> {
    for (const record of records) {
      const { topic, id, json } = record;
      const { damage, lateMs, againMs } = this.#fatesOf(topic).next();
      const sentMs = record.sentMs + lateMs;
      const isSpoilt = damage !== null && json !== null;
      if (lateMs > 0 || againMs !== null || isSpoilt)
        this.#options.record({
          type: "record-delivery",
          stream: topic,
          id,
          due: sentMs,
          ...(againMs === null ? {} : { again: sentMs + againMs }),
          ...(isSpoilt ? { malformed: damage } : {}),
        });
      if (isSpoilt) {
        yield { ...record, sentMs, json: String(damagePayload(json, "json", damage)), fate: "spoilt" };
        continue;
      }
      yield lateMs === 0 ? record : { ...record, sentMs };
      if (againMs !== null) yield { ...record, sentMs: sentMs + againMs, fate: "again" };
    }
  }

  #fatesOf(stream: RecordStreamName): MessageFates {
    const known = this.#fates.get(stream);
    if (known !== undefined) return known;
    const { plan, seed } = this.#options;
    const name = streamName(seed, stream, "delivery");
    const fates = new MessageFates({ plan, name, mayBeLost: false, damages: plan.malformed.kinds });
    this.#fates.set(stream, fates);
    return fates;
  }
}
