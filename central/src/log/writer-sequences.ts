import { LANES } from "@millrace/stream";
import type { Lane } from "@millrace/stream";
import type { LogEntry, StrangeRecord } from "./uplink-log.ts";

/**
 * How far each agent that writes to the log itself has been taken. It numbers its batches without gaps: what lies between is
 * still to come, or gone, whatever the records' times say.
 */
export class WriterSequences {
  readonly #taken = new Map<string, number>();

  /** Something of its writer is missing before it. */
  isBeyond(content: LogEntry | StrangeRecord | undefined): boolean {
    return firstsOf(content).some(([writer, first]) => first > (this.#taken.get(writer) ?? Infinity) + 1);
  }

  /** A hello says that what comes before its first batch will not come. */
  took(entry: LogEntry): void {
    const isHeld = entry.envelope.kind === "batch";
    for (const [writer, first] of firstsOf(entry)) {
      const takenTo = isHeld ? first : first - 1;
      this.#taken.set(writer, Math.max(takenTo, this.#taken.get(writer) ?? 0));
    }
  }
}

/** Which batch it is, or, of a hello, which is the first of each lane that comes behind it at the earliest. */
function firstsOf(content: LogEntry | StrangeRecord | undefined): (readonly [string, number])[] {
  if (content === undefined || !("envelope" in content) || content.writer !== "agent") return [];
  const { envelope } = content;
  if (envelope.kind === "batch") {
    const { storeId, epoch, lane, sequence } = envelope.batch;
    return [[writerOf(storeId, epoch, lane), sequence]];
  }
  if (envelope.kind !== "hello") return [];
  const { storeId, epoch, lanes } = envelope.hello;
  return LANES.map((lane) => [writerOf(storeId, epoch, lane), lanes[lane].oldest]);
}

function writerOf(storeId: string, epoch: number, lane: Lane): string {
  return `${storeId} ${epoch} ${lane}`;
}
