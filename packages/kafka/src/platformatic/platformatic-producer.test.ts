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
}));

vi.mock("@platformatic/kafka", async (original) => {
  const real = await original<typeof library>();
  const { EventEmitter } = await import("node:events");
  const refusal = (codes: readonly number[]) => {
    const errors = codes.map((code, partition) => [`/${partition}`, [code, null]]);
    const response = new real.ResponseError(0, 11, Object.fromEntries(errors), {});
    return new real.MultipleErrors("produce failed 2 times.", [new real.NetworkError("gone"), response]);
  };
  class Producer extends EventEmitter {
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
