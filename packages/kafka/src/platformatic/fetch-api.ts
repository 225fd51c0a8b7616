import { createAPI, fetchV13, Reader, ResponseError } from "@platformatic/kafka";

/** A transaction that was given up: what its producer sent from there on, to the mark of its end, is no record. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/** What an answer has of a partition. */
export interface FetchedPartition {
  readonly topicId: string;
  readonly partition: number;
  /** Why the broker gives nothing of it; null: it does. */
  readonly refusal: Error | null;
  /** Behind the last record there is: those behind an open transaction may not be read yet. */
  readonly endOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Whole batches, in order; the last may be cut off. */
  readonly bytes: Buffer;
}

const FETCH = 1;
/** Kafka 3.1: the first that names topics by their ids. What later ones add is not needed. */
const VERSION = 13;
const NOTHING = Buffer.alloc(0);

/** Kafka's Fetch, as the client makes it, but for its answer: that keeps the records' bytes as they are. */
export const fetchApi = createAPI<Parameters<typeof fetchV13.createRequest>, readonly FetchedPartition[]>(
  FETCH,
  VERSION,
  fetchV13.createRequest,
  parseAnswer,
);

/** Throws the client's error where the answer as a whole is one. What a broker refuses of a partition is that one's alone. */
export function parseAnswer(
  _correlationId: number,
  apiKey: number,
  apiVersion: number,
  answer: Reader,
): readonly FetchedPartition[] {
  const bytes = answer.buffer.buffer;
  // In one piece: the client looks for the right one of a hundred at each field.
  const reader = Reader.from(bytes);
  const errorOf = (place: string, code: number): Error | null =>
    code === 0 ? null : new ResponseError(apiKey, apiVersion, { [place]: [code, null] }, null);
  reader.readInt32(); // throttle time, ms
  const error = errorOf("", reader.readInt16());
  if (error !== null) throw error;
  reader.readInt32(); // session
  return reader
    .readArray((_, topic) => {
      const topicId = reader.readUUID();
      return reader.readArray((_reader, index) => {
        const partition = reader.readInt32();
        const refusal = errorOf(`/responses/${topic}/partitions/${index}`, reader.readInt16());
        const endOffset = Number(reader.readInt64());
        reader.readInt64(); // end of what may be read
        reader.readInt64(); // log's start
        const aborted = reader.readNullableArray(() => ({
          producerId: reader.readInt64(),
          firstOffset: Number(reader.readInt64()),
        }));
        reader.readInt32(); // preferred replica
        const length = Math.max(0, reader.readUnsignedVarInt() - 1);
        const from = reader.position;
        reader.skip(length);
        const records = length === 0 ? NOTHING : bytes.subarray(from, from + length);
        return { topicId, partition, refusal, endOffset, aborted: aborted ?? [], bytes: records };
      });
    })
    .flat();
}
