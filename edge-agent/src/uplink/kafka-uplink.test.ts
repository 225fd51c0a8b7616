// The uplink to Kafka over a scripted producer: what is written, and what is answered once it is held; nothing else is.
import { SimulatedTime, testFrontier } from "@millrace/testkit";
import {
  type DownTopic,
  encodeMessage,
  type Hello,
  parseAck,
  parseEcho,
  parseWelcome,
  sealBatch,
} from "@millrace/wire";
import { expect, test } from "vitest";
import { KafkaUplink } from "./kafka-uplink.ts";
import type { UplinkRecord } from "./uplink-record.ts";

const START = Date.parse("2026-01-05T10:00:00Z");
const STORE = "0123456789abcdef0123456789abcdef";

/** Requests that the test settles itself. */
class Requests {
  readonly records: (readonly UplinkRecord[])[] = [];
  readonly settle: PromiseWithResolvers<void>[] = [];
  connected = Promise.resolve();
  closedCount = 0;
  unmade: string | null = null;

  producer() {
    return {
      connect: () => this.connected,
      send: (records: readonly UplinkRecord[]) => {
        this.records.push(records);
        const settled = Promise.withResolvers<void>();
        this.settle.push(settled);
        return settled.promise;
      },
      close: async () => void (this.closedCount += 1),
    };
  }
}

function uplink() {
  const time = new SimulatedTime(START);
  const requests = new Requests();
  const transport = new KafkaUplink({
    agent: "alpha-1",
    site: "alpha",
    topic: "panes",
    producer() {
      if (requests.unmade !== null) throw new Error(requests.unmade);
      return requests.producer();
    },
    clock: time.clock(),
  });
  const heard = { opened: 0, messages: [] as [DownTopic, Uint8Array][], closed: [] as string[] };
  const connect = async () => {
    transport.connect({
      opened: () => (heard.opened += 1),
      message: (topic, bytes) => heard.messages.push([topic, bytes]),
      closed: (reason) => heard.closed.push(reason),
    });
    await time.run(1);
  };
  const settle = async (error?: Error) => {
    const request = requests.settle.shift();
    if (error === undefined) request?.resolve();
    else request?.reject(error);
    await time.run(1);
  };
  return { time, requests, transport, heard, connect, settle };
}

function batch(sequence: number, lane: "alarm" | "live" | "backfill" = "live", bytes = 10): Uint8Array {
  return sealBatch({
    wireVersion: 1,
    lane,
    kind: "panes",
    storeId: STORE,
    epoch: 7,
    sequence,
    sealedAtMs: START,
    readingCount: 1,
    startMs: 0,
    endMs: 0,
    body: new Uint8Array(bytes),
    isCompressed: false,
    bodyBytesRaw: bytes,
  });
}

function hello(changes: Partial<Hello> = {}): Uint8Array {
  const lane = { oldest: 3, sent: 9, next: 12, acked: 5, epochs: [] };
  return encodeMessage({
    agent: "alpha-1",
    site: "alpha",
    storeId: STORE,
    instance: "i1",
    program: "1",
    wireVersions: [1],
    epoch: 4,
    lanes: { alarm: lane, live: lane, backfill: { ...lane, acked: undefined }, evidence: lane },
    runs: [
      { run: "i0", from: { alarm: 1, live: 1, backfill: 1, evidence: 1 } },
      { run: "i1", from: { alarm: 1, live: 10, backfill: 12, evidence: 2 } },
    ],
    clockMs: START,
    ...changes,
  });
}

const heartbeat = (beat: number) =>
  encodeMessage({
    instance: "i1",
    beat,
    sentAtMs: START,
    frontier: testFrontier({ epoch: 4, isIdle: true }),
    ledger: {},
    status: {},
  });

function marksIn(messages: readonly [DownTopic, Uint8Array][]) {
  return messages.flatMap(([topic, bytes]) => {
    const ack = parseAck(bytes);
    return topic === "ack" && ack.ok ? [`${ack.message.lane} ${ack.message.mark}`] : [];
  });
}

test("the welcome comes once Kafka holds the hello: the agent's own marks, and an epoch of this process", async () => {
  const { requests, transport, heard, connect, settle } = uplink();
  await connect();
  expect(heard.opened).toBe(1);
  expect(transport.send("hello", hello())).toBe(true);
  expect(heard.messages).toEqual([]);
  await settle();
  const [[topic, bytes]] = heard.messages;
  expect(topic).toBe("welcome");
  expect(parseWelcome(bytes)).toEqual({
    ok: true,
    message: {
      type: "welcome",
      epoch: START / 1000,
      epochFrom: { alarm: 1, live: 10, backfill: 12, evidence: 2 },
      wireVersion: 1,
      // A lane that does not say what is acknowledged sends again what it holds.
      marks: { alarm: 5, live: 5, backfill: 2, evidence: 5 },
      clockMs: null,
    },
  });
  expect(requests.records[0]).toMatchObject([
    { key: "alpha", headers: { type: "hello", agent: "alpha-1", site: "alpha" } },
  ]);
});

test("a reconnect keeps the epoch; another process has a greater one, whatever its clock says", async () => {
  const epochOf = async (tested: ReturnType<typeof uplink>, changes: Partial<Hello>) => {
    await tested.connect();
    tested.transport.send("hello", hello(changes));
    await tested.settle();
    const welcome = parseWelcome(tested.heard.messages.at(-1)?.[1] ?? new Uint8Array());
    tested.transport.close();
    return welcome.ok && welcome.message.type === "welcome" ? welcome.message.epoch : null;
  };
  const one = uplink();
  expect(await epochOf(one, { clockMs: START })).toBe(START / 1000);
  expect(await epochOf(one, { clockMs: START + 3_600_000, epoch: START / 1000 })).toBe(START / 1000);
  expect(await epochOf(uplink(), { clockMs: 0, epoch: START / 1000 })).toBe(START / 1000 + 1);
  const epochs = Array.from({ length: 200 }, (_, index) => ({ epoch: index + 1, from: index + 1 }));
  const crowded = { oldest: 1, sent: 200, next: 300, epochs };
  const lanes = { alarm: crowded, live: crowded, backfill: crowded, evidence: crowded };
  expect(await epochOf(uplink(), { epoch: 200, lanes })).toBe(200);
});

test("what gathers during a request goes with the next one; marks and echoes come when it is held", async () => {
  const { requests, transport, heard, connect, settle } = uplink();
  await connect();
  transport.send("batch", batch(6));
  transport.send("batch", batch(7));
  transport.send("batch", batch(1, "alarm"));
  transport.send("heartbeat", heartbeat(3));
  expect(requests.records.map((records) => records.length)).toEqual([1]);
  expect(heard.messages).toEqual([]);
  await settle();
  expect(marksIn(heard.messages)).toEqual(["live 6"]);
  expect(
    requests.records[1].map(({ headers }) => `${headers["type"]} ${headers["lane"]} ${headers["sequence"]}`),
  ).toEqual(["batch live 7", "batch alarm 1", "heartbeat undefined undefined"]);
  expect(requests.records[1][0].headers).toEqual({
    type: "batch",
    agent: "alpha-1",
    site: "alpha",
    kind: "panes",
    store: STORE,
    epoch: "7",
    lane: "live",
    sequence: "7",
    wire: "1",
  });
  expect(requests.records[1][0].value).toEqual(batch(7));
  await settle();
  expect(marksIn(heard.messages)).toEqual(["live 6", "live 7", "alarm 1"]);
  const [topic, echo] = heard.messages.at(-1) ?? [];
  expect(topic).toBe("echo");
  expect(parseEcho(echo ?? new Uint8Array())).toMatchObject({
    ok: true,
    message: { beat: 3, clockMs: null },
  });
});

test("a request that fails ends the session with its reason, and acknowledges nothing of it", async () => {
  const { requests, transport, heard, connect, settle } = uplink();
  await connect();
  transport.send("batch", batch(6));
  transport.send("batch", batch(7));
  await settle(new Error("too few replicas"));
  expect(heard).toMatchObject({ messages: [], closed: ["too few replicas"] });
  expect(requests).toMatchObject({ closedCount: 1 });
  expect(requests.records).toHaveLength(1);
  expect(transport.send("batch", batch(8))).toBe(false);
  await connect();
  expect(heard.opened).toBe(2);
  expect(transport.send("batch", batch(6))).toBe(true);
});

test("what is held after the session has ended is not told: the next one sends it again", async () => {
  const { transport, heard, connect, settle } = uplink();
  await connect();
  transport.send("batch", batch(6));
  transport.close();
  await settle();
  expect(heard).toMatchObject({ messages: [], closed: ["closed by the agent"] });
});

test("requests stay below what brokers take, and what waits has a bound", async () => {
  const { requests, transport, connect, settle } = uplink();
  await connect();
  let taken = 0;
  while (transport.send("batch", batch(taken + 1, "live", 200_000))) taken += 1;
  expect(taken).toBe(22);
  expect(transport.bufferedBytes).toBeGreaterThan(3_000_000);
  await settle();
  const bytes = requests.records[1].reduce((sum, { value }) => sum + value.length, 0);
  expect([requests.records[1].length, bytes < 768 * 1024]).toEqual([3, true]);
  expect(transport.send("batch", batch(30, "live", 400_000))).toBe(true);
});

test("a cluster that cannot be reached, or never answers, closes with the reason", async () => {
  const refused = uplink();
  refused.requests.connected = Promise.reject(new Error("connect ECONNREFUSED"));
  await refused.connect();
  expect(refused.heard).toMatchObject({ opened: 0, closed: ["connect ECONNREFUSED"] });
  const silent = uplink();
  silent.requests.connected = new Promise(() => undefined);
  await silent.connect();
  await silent.time.run(20_000);
  expect(silent.heard.closed).toEqual(["Kafka does not answer within 15000 ms"]);
});

test("a producer that cannot be made closes with the reason, and the next try has another one", async () => {
  const { requests, heard, connect } = uplink();
  requests.unmade = "its key does not fit";
  await connect();
  requests.unmade = null;
  await connect();
  expect(heard).toMatchObject({ opened: 1, closed: ["its key does not fit"] });
});
