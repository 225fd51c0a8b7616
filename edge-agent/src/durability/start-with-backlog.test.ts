// A start with a large backlog reads what tells of the batches, not the batches: a gateway is back at once after days offline.
import { BatchQueue, type Change, type Entry, MemoryStore, type RangeOptions } from "@millrace/queue";
import { SeededRandom } from "@millrace/testkit";
import { expect, test } from "vitest";
import { agentOnALine, pipelineOf } from "../reload/agent-on-a-line.test-support.ts";

const PIPELINE = pipelineOf(`version: 1
metrics:
  t: { unit: °C, from: { topic: "f/{machine}/t", number: {} }, accumulate: [count] }
windows:
  t_10s: { metric: t, size: 10s }
`);
/** More than this for each batch is more than its summary. */
const SUMMARY_BYTES_MAX = 100;
/** Whatever an agent reads that has no backlog. */
const REST_BYTES_MAX = 10_000;

class CountingStore extends MemoryStore {
  bytesRead = 0;

  override async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#counted(await super.get(key));
  }

  override async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return (await super.getMany(keys)).map((value) => this.#counted(value));
  }

  override async *range(options: RangeOptions): AsyncIterable<Entry> {
    for await (const entry of super.range(options)) {
      this.#counted(entry.value);
      yield entry;
    }
  }

  #counted(value: Uint8Array | undefined): Uint8Array | undefined {
    this.bytesRead += value?.length ?? 0;
    return value;
  }
}

async function backlogOf(batchCount: number, bodyBytes: number): Promise<CountingStore> {
  const store = new CountingStore();
  const queue = await BatchQueue.open(store, { random: new SeededRandom(1) });
  const body = new Uint8Array(bodyBytes);
  for (let number = 0; number < batchCount; number += 1) {
    const changes: Change[] = [];
    const covers = { readingCount: 1, startMs: number, endMs: number + 1, sealedAtMs: number };
    const packed = { body, isCompressed: false, bodyBytesRaw: bodyBytes };
    queue.append(changes, { lane: "backfill", kind: "panes", ...packed, ...covers });
    await store.commit(changes, { isSync: true });
  }
  store.bytesRead = 0;
  return store;
}

test("of a thousand batches none is read before it is sent, whatever their size", async () => {
  for (const bodyBytes of [1_000, 10_000]) {
    const store = await backlogOf(1_000, bodyBytes);
    const { agent, publish, time } = await agentOnALine({ pipeline: PIPELINE, store });
    expect(agent.status().lanes.backfill.queuedBatches).toBe(1_000);
    // Nothing of it stands before the first acknowledgement either.
    const acknowledged = publish("f/m1/t", "20");
    if (acknowledged === undefined) throw new Error("nobody waits for it");
    await time.during(acknowledged);
    expect(store.bytesRead).toBeLessThan(1_000 * SUMMARY_BYTES_MAX + REST_BYTES_MAX);
  }
});
