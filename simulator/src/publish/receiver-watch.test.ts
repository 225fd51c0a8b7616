// When it is said that a receiver is away, and that it is back.
import { MemoryLogger } from "@millrace/runtime";
import { SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import { ReceiverWatch } from "./receiver-watch.ts";

function watched() {
  const time = new SimulatedTime(0);
  const log = new MemoryLogger();
  const watch = new ReceiverWatch({ receiver: "Kafka", clock: time.clock(), log });
  return { time, watch, said: () => log.lines.map(({ message, fields }) => [message, fields]) };
}

const AWAY = ["Kafka is away; what is said waits", { reason: "ECONNREFUSED" }];

test("a receiver that comes and goes while it begins was away once, for all of that time", async () => {
  const { time, watch, said } = watched();
  const connection = {};
  watch.away(connection, "ECONNREFUSED");
  await time.run(5_000);
  for (const reason of ["no leader", "no leader yet"]) {
    watch.back(connection);
    await time.run(1_500);
    watch.away(connection, reason);
    await time.run(500);
  }
  watch.back(connection);
  await time.run(1_900);
  expect(said()).toEqual([AWAY]);
  await time.run(200);
  expect(said()).toEqual([AWAY, ["Kafka is back", { awayMs: 9_000 }]]);
  // The next outage is another.
  watch.away(connection, "ECONNREFUSED");
  expect(said().at(-1)).toEqual(AWAY);
});

test("of several connections the last one that is back counts", async () => {
  const { time, watch, said } = watched();
  const [first, second] = [{}, {}];
  watch.away(first, "ECONNREFUSED");
  watch.away(second, "ECONNREFUSED");
  watch.back(first);
  await time.run(10_000);
  expect(said()).toEqual([AWAY]);
  watch.back(second);
  watch.back(second);
  await time.run(2_000);
  expect(said()).toEqual([AWAY, ["Kafka is back", { awayMs: 10_000 }]]);
});
