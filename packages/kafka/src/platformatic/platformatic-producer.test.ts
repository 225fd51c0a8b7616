// What the producer makes of the library's rejections. The library is a script here; with real brokers it runs in
// test/end-to-end/kafka-contract.e2e.test.ts.
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import type * as library from "@platformatic/kafka";
import { beforeEach, expect, test, vi } from "vitest";
import { PlatformaticProducer } from "./platformatic-producer.ts";

const script = vi.hoisted(() => ({
  /** Values of each try. */
  sent: [] as string[][],
  /** Error codes by leader, of each try in turn; none: it is taken. */
  codes: [] as (readonly (readonly number[])[])[],
  /** What the brokers say of a record, beside these. */
  ofRecord: null as string | null,
}));

vi.mock("@platformatic/kafka", async (original) => {
  const real = await original<typeof library>();
  const { EventEmitter } = await import("node:events");
  const refusal = (codes: readonly number[]) => {
    const ofRecord = script.ofRecord === null ? [] : [["/0/record_errors/0", [-1, script.ofRecord]]];
    const errors = codes.map((code, partition) => [`/${partition}`, [code, null]]);
    const response = new real.ResponseError(0, 11, Object.fromEntries([...ofRecord, ...errors]), {});
    return new real.MultipleErrors("produce failed 2 times.", [new real.NetworkError("gone"), response]);
  };
  class Producer extends EventEmitter {
    readonly connections = new EventEmitter();

    async send({ messages }: { readonly messages: readonly { readonly value: Buffer }[] }) {
      const byLeader = script.codes[script.sent.length] ?? [];
      script.sent.push(messages.map(({ value }) => value.toString()));
      if (byLeader.length > 0)
        throw new real.MultipleErrors("Producing messages failed.", byLeader.map(refusal));
    }

    async close() {}
  }
  return { ...real, Producer };
});

beforeEach(() => {
  script.sent.length = 0;
  script.ofRecord = null;
});

async function sent() {
  const time = new SimulatedTime(0);
  const world = { clock: time.clock(), random: new SeededRandom(1) };
  const connection = { brokers: ["k:1"], clientId: "c", tls: null, sasl: null };
  const producer = new PlatformaticProducer(connection, {}, world);
  let outcome = "waits";
  const records = ["a", "b"].map((value) => ({ topic: "t", key: "k", value }));
  void producer.send(records).then(
    () => (outcome = "sent"),
    (error: Error) => (outcome = error.message),
  );
  await time.run(10_000);
  return outcome;
}

test.each([
  ["OUT_OF_ORDER_SEQUENCE_NUMBER", 45],
  ["UNKNOWN_PRODUCER_ID", 59],
])(
  "a broker that knows the producer no more (%s): all is sent again, in order, as another's",
  async (_, code) => {
    // The library has come as another once by itself.
    script.codes = [[[code], [code]], [[code]]];
    expect(await sent()).toBe("sent");
    expect(script.sent).toEqual([
      ["a", "b"],
      ["a", "b"],
      ["a", "b"],
    ]);
  },
);

test("what no waiting mends rejects at once, beside a lost place too, at the same leader or at another", async () => {
  script.codes = [[[45, 10]]];
  expect(await sent()).toMatch(/larger than/);
  script.codes = [[[45], [10]]];
  script.sent.length = 0;
  expect(await sent()).toMatch(/larger than/);
  expect(script.sent.length).toBe(1);
});

test.each([
  // Without a limit behind, as Kafka's own.
  [
    "1767283200000",
    "[-9223370269578775807, 1767279600000]",
    "this machine's time, 2026-01-01T16:00:00.000Z, is ahead of the broker's clock by 2.0 h, more than topic t takes (message.timestamp.after.max.ms); set the clock right",
  ],
  [
    "1767283200000",
    "[1767189600000, 1767279600000]",
    "this machine's time, 2026-01-01T16:00:00.000Z, is after the last that topic t takes, 2026-01-01T15:00:00.000Z (message.timestamp.after.max.ms); set the clock right",
  ],
  [
    "1000",
    "[1767189600000, 1767279600000]",
    "this machine's time, 1970-01-01T00:00:01.000Z, is before the first that topic t takes, 2025-12-31T14:00:00.000Z (message.timestamp.before.max.ms); set the clock right",
  ],
])("a clock that brokers do not believe (%s of %s) is called so, at once", async (time, bounds, reason) => {
  script.codes = [[[32]]];
  script.ofRecord = `Timestamp ${time} of message with offset 0 is out of range. The timestamp should be within ${bounds}`;
  expect(await sent()).toBe(reason);
  script.ofRecord = null;
  script.sent.length = 0;
  expect(await sent()).toBe("this machine's time is not one that topic t takes; set the clock right");
});
