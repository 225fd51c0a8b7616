// Every way out: what is handed over arrives in the end, whole and in order, through receivers that go away, are busy or full;
// that one is away is said once.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KafkaProducer, KafkaProducerOptions, KafkaSentRecord } from "@millrace/kafka";
import { type Clock, MemoryLogger, systemClock, systemRandom } from "@millrace/runtime";
import { freePort, SimulatedTime } from "@millrace/testkit";
import { Aedes } from "aedes";
import { afterEach, expect, test, vi } from "vitest";
import { FileOutput } from "./file-output.ts";
import { HttpOutput } from "./http-output.ts";
import { KafkaOutput } from "./kafka-output.ts";
import type { Login } from "./login.ts";
import type { OutgoingMessage } from "./outgoing-message.ts";
import { ReceiverWatch } from "./receiver-watch.ts";
import { SensorConnection } from "./sensor-connection.ts";

const ends: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const message = (number: number, topic = "factory/alpha/line-1/machine-1/temperature"): OutgoingMessage => ({
  numbers: [number],
  topic,
  payload: `{"temperature":${number},"ts":1}`,
  readings: null,
});

function watched(receiver: string) {
  const log = new MemoryLogger();
  const time = new SimulatedTime(0);
  const delivered: number[] = [];
  return {
    log,
    delivered,
    options: {
      clock: systemClock,
      random: systemRandom,
      watch: new ReceiverWatch({ receiver, clock: time.clock(), log }),
      onDelivered: ({ numbers }: OutgoingMessage) => void delivered.push(...numbers),
    },
    said: () => log.lines.map(({ message: text }) => text),
    /** Whoever is back has been for a while. */
    steady: () => time.run(10_000),
  };
}

async function openBroker(port: number) {
  const aedes = await Aedes.createBroker();
  const received: string[] = [];
  const qos = new Set<number>();
  aedes.on("publish", (packet) => {
    if (!packet.topic.startsWith("factory/")) return;
    received.push(packet.payload.toString());
    qos.add(packet.qos);
  });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    aedes.handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    aedes.close();
  };
  ends.push(close);
  return { aedes, received, qos, close, port: (server.address() as AddressInfo).port };
}

/** Lets clients in, and then reads nothing more. */
async function openDeafBroker(): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.once("data", () => {
      socket.pause();
      // CONNACK: accepted (MQTT 3.1.1, 3.2).
      socket.write(Buffer.of(0x20, 2, 0, 0));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}

/** Refuses so many tries to connect. */
async function refuse(port: number, count: number): Promise<void> {
  let tries = 0;
  const server = createServer((socket) => {
    tries += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await vi.waitFor(() => expect(tries).toBeGreaterThanOrEqual(count));
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

test("QoS 0: a broker that takes nothing more does not keep the connection from its end; what it had of late is unsure", async () => {
  const port = await openDeafBroker();
  const time = new SimulatedTime(0);
  const { options, delivered } = watched("the broker");
  const unsure: number[] = [];
  const connection = new SensorConnection({
    ...options,
    clock: time.clock(),
    broker: `mqtt://127.0.0.1:${port}`,
    login: null,
    qos: 0,
    clientId: "sensors",
    commandTopics: [],
    node: null,
    inFlightMax: 100,
    onCommand: () => {},
    onUnsure: (readings) => void unsure.push(...readings),
  });
  connection.open();
  connection.send(message(1));
  await vi.waitFor(() => expect(delivered).toEqual([1]));
  const large = "x".repeat(10_000);
  for (let number = 2; number <= 5_000; number += 1) connection.send({ ...message(number), payload: large });
  await time.during(connection.close());
  expect([...connection.waitingNumbers()]).toHaveLength(4_999);
  expect(unsure).toEqual([1]);
});

test.each([0, 1, 2] as const)(
  "MQTT at QoS %i: all of it arrives, in order, also after the broker was away, which is said once",
  async (qos) => {
    const first = await openBroker(await freePort());
    const { options, delivered, said, steady } = watched("the broker");
    const unsure: number[] = [];
    const connection = new SensorConnection({
      ...options,
      // However long it takes, all that is delivered was delivered of late.
      clock: { ...systemClock, monotonicMs: () => 0 },
      broker: `mqtt://127.0.0.1:${first.port}`,
      login: null,
      qos,
      clientId: "sensors",
      commandTopics: [],
      node: null,
      inFlightMax: 100,
      onCommand: () => {},
      onUnsure: (readings) => void unsure.push(...readings),
    });
    ends.push(() => connection.close());
    connection.open();
    const numbers = Array.from({ length: 5_000 }, (_, index) => index + 1);
    for (const number of numbers.slice(0, 2_500)) connection.send(message(number));
    await vi.waitFor(() => expect(first.received).toHaveLength(2_500));
    await vi.waitFor(() => expect(delivered).toHaveLength(2_500));
    expect([...first.qos]).toEqual([qos]);
    await first.close();
    await vi.waitFor(() => expect(connection.isConnected).toBe(false));
    for (const number of numbers.slice(2_500)) connection.send(message(number));
    expect([...connection.waitingNumbers()]).toEqual(numbers.slice(2_500));
    await refuse(first.port, 3);
    expect(said()).toEqual(["the broker is away; what is said waits"]);
    const second = await openBroker(first.port);
    await vi.waitFor(() => expect(second.received).toHaveLength(2_500));
    await vi.waitFor(() => expect(delivered).toEqual(numbers));
    expect(second.received).toEqual(numbers.slice(2_500).map((number) => `{"temperature":${number},"ts":1}`));
    await steady();
    expect(said()).toEqual(["the broker is away; what is said waits", "the broker is back"]);
    expect(connection.reconnectCount).toBe(1);
    // What no one has acknowledged may be lost in the end, and the truth must know.
    expect(unsure).toEqual(qos === 0 ? numbers.slice(0, 2_500) : []);
  },
);

type Answer = { readonly status: number; readonly headers?: Record<string, string>; readonly body?: object };

async function openServer(
  answer: (path: string, lines: readonly string[], authorization: string | undefined) => Answer,
) {
  const requests: { path: string; lines: readonly string[] }[] = [];
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const lines = Buffer.concat(chunks).toString().split("\n").slice(0, -1);
      const path = request.url ?? "";
      requests.push({ path, lines });
      const { status, headers, body } = answer(path, lines, request.headers.authorization);
      response.writeHead(status, headers).end(JSON.stringify(body ?? {}));
    });
  };
  const server = createHttpServer(onRequest);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function httpOutput(url: string, login: Login | null = null) {
  const watch = watched("the input");
  const waits: number[] = [];
  /** Waits for nothing, and says how long it should have waited. */
  const clock: Clock = {
    ...systemClock,
    after(delayMs, callback) {
      waits.push(delayMs);
      return systemClock.after(0, callback);
    },
  };
  const output = new HttpOutput({ ...watch.options, clock, url, login });
  ends.push(() => output.close());
  output.open();
  return { ...watch, output, waits };
}

test("HTTP: lines of one topic go together, line protocol to its own path, and a bad line is not sent again", async () => {
  const bad = { status: 400, body: { taken: 0, rejected: 1 } };
  const { requests, url } = await openServer((_path, lines) =>
    lines[0].includes("4") ? bad : { status: 200 },
  );
  const { output, delivered } = httpOutput(url);
  for (const number of [1, 2, 3]) output.send(message(number, "factory/alpha/line-1/machine 1/temperature"));
  output.send(message(4, "factory/alpha/line-1/machine-1/vibration"));
  for (const number of [5, 6]) output.send(message(number, `factory/alpha/line-1/machine-${number}/influx`));
  await vi.waitFor(() => expect(delivered).toEqual([1, 2, 3, 4, 5, 6]));
  expect(requests.map(({ path, lines }) => [path, lines.length])).toEqual([
    ["/topics/factory/alpha/line-1/machine%201/temperature", 3],
    ["/topics/factory/alpha/line-1/machine-1/vibration", 1],
    ["/write", 2],
  ]);
});

test("HTTP: what waits of many topics takes a request for each, and stays in order within it", async () => {
  const { requests, url } = await openServer(() => ({ status: 200 }));
  const { output, delivered } = httpOutput(url);
  const topicOf = (number: number): string => `factory/alpha/line-1/machine-${number % 3}/temperature`;
  const numbers = Array.from({ length: 30 }, (_, index) => index);
  for (const number of numbers)
    output.send(
      number === 15
        ? { ...message(number, topicOf(number)), payload: Buffer.from([0xff]) }
        : message(number, topicOf(number)),
    );
  await vi.waitFor(() => expect(delivered.toSorted((one, other) => one - other)).toEqual(numbers));
  expect([...output.waitingNumbers()]).toEqual([]);
  expect(requests.map(({ lines }) => lines.length)).toEqual([5, 10, 10, 0, 4]);
  for (const machine of [0, 1, 2]) {
    const own = delivered.filter((number) => number % 3 === machine);
    expect(own).toEqual(own.toSorted((one, other) => one - other));
  }
});

test("HTTP: who is asked to come later waits as long as was asked, and goes on after what was taken", async () => {
  let isBusy = true;
  const { requests, url } = await openServer(() => {
    if (!isBusy) return { status: 200 };
    isBusy = false;
    return { status: 429, headers: { "retry-after": "3" }, body: { taken: 2, rejected: 1 } };
  });
  const { output, delivered, said, waits } = httpOutput(url);
  for (let number = 1; number <= 5; number += 1) output.send(message(number));
  await vi.waitFor(() => expect(delivered).toEqual([1, 2, 3, 4, 5]));
  expect(waits).toEqual([3_000]);
  expect(requests.map(({ lines }) => lines.length)).toEqual([5, 2]);
  expect(said()).toEqual([]);
});

test("HTTP: an input that knows its users is told who it is, and who is unknown waits", async () => {
  const headers: (string | undefined)[] = [];
  const { url } = await openServer((_path, _lines, authorization) => {
    headers.push(authorization);
    return { status: authorization === "Basic c2Vuc29yczpzZWNyZXQ=" ? 200 : 401 };
  });
  const known = httpOutput(url, { kind: "password", user: "sensors", password: "secret" });
  known.output.send(message(1));
  await vi.waitFor(() => expect(known.delivered).toEqual([1]));
  expect(headers).toEqual(["Basic c2Vuc29yczpzZWNyZXQ="]);
  const unknown = httpOutput(url, { kind: "token", token: "abc" });
  unknown.output.send(message(1));
  await vi.waitFor(() => expect(unknown.said()).toEqual(["the input is away; what is said waits"]));
  expect(headers[1]).toBe("Bearer abc");
});

test("MQTT: a broker that knows its users is told who it is", async () => {
  const broker = await openBroker(await freePort());
  const given: unknown[] = [];
  broker.aedes.authenticate = (_client, user, password, done) => {
    given.push([user, password?.toString()]);
    done(null, true);
  };
  const { options, delivered } = watched("the broker");
  const connection = new SensorConnection({
    ...options,
    broker: `mqtt://127.0.0.1:${broker.port}`,
    login: { kind: "password", user: "sensors", password: "secret" },
    qos: 1,
    clientId: "sensors",
    commandTopics: [],
    node: null,
    inFlightMax: 100,
    onCommand: () => {},
    onUnsure: () => {},
  });
  ends.push(() => connection.close());
  connection.open();
  connection.send(message(1));
  await vi.waitFor(() => expect(delivered).toEqual([1]));
  expect(given).toEqual([["sensors", "secret"]]);
});

test("HTTP: a receiver that fails is away, said once, and what waited arrives", async () => {
  let count = 0;
  // A refusal of the whole request (400 without a line that was dealt with) is no delivery either.
  const { url } = await openServer(() => ({ status: [503, 400, 404][count++] ?? 200 }));
  const { output, delivered, said, steady } = httpOutput(url);
  for (let number = 1; number <= 3; number += 1) output.send(message(number));
  await vi.waitFor(() => expect(delivered).toEqual([1, 2, 3]));
  await steady();
  expect(said()).toEqual(["the input is away; what is said waits", "the input is back"]);
});

/** A cluster of paper: it takes what comes, fails as told, or is away until it is let. */
function paperKafka() {
  const taken: KafkaSentRecord[] = [];
  const failures: Error[] = [];
  let isAway = false;
  /** Of a call that waits. */
  let settle = (_isClosed: boolean): void => {};
  const producer = ({ onTrouble }: KafkaProducerOptions): KafkaProducer => ({
    connect: () => Promise.resolve(),
    async send(records) {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      if (isAway) {
        onTrouble?.("connect ECONNREFUSED");
        onTrouble?.("connect ECONNREFUSED");
        const isClosed = await new Promise<boolean>((resolve) => (settle = resolve));
        if (isClosed) throw new Error("it was closed");
      }
      taken.push(...records);
    },
    close() {
      settle(true);
      return Promise.resolve();
    },
  });
  return {
    taken,
    failures,
    producer,
    leave: () => (isAway = true),
    comeBack() {
      isAway = false;
      settle(false);
    },
  };
}

function kafkaOutput(key: "topic" | "machine" = "topic") {
  const watch = watched("Kafka");
  const kafka = paperKafka();
  const output = new KafkaOutput({ ...watch.options, producer: kafka.producer, topic: "readings", key });
  ends.push(() => output.close());
  output.open();
  return { ...watch, kafka, output };
}

test.each([
  ["topic", { key: "factory/alpha/line-1/machine-1/temperature" }],
  [
    "machine",
    { key: "alpha/line-1/machine-1", headers: { topic: "factory/alpha/line-1/machine-1/temperature" } },
  ],
] as const)("Kafka: the payload as it is, by %s", async (key, record) => {
  const { output, kafka, delivered } = kafkaOutput(key);
  output.send(message(1));
  await vi.waitFor(() => expect(delivered).toEqual([1]));
  expect(kafka.taken).toEqual([{ topic: "readings", value: '{"temperature":1,"ts":1}', ...record }]);
});

test("Kafka: while it is away messages wait, in their order, which is said once; held, none go", async () => {
  const { output, kafka, delivered, said, steady } = kafkaOutput();
  kafka.leave();
  const numbers = Array.from({ length: 20_000 }, (_, index) => index + 1);
  for (const number of numbers) output.send(message(number));
  await vi.waitFor(() => expect(said()).toEqual(["Kafka is away; what is said waits"]));
  expect([...output.waitingNumbers()]).toEqual(numbers);
  kafka.failures.push(new Error("NOT_LEADER_OR_FOLLOWER"));
  kafka.comeBack();
  await vi.waitFor(() => expect(delivered).toEqual(numbers));
  expect(kafka.taken.map(({ value }) => value)).toEqual(
    numbers.map((number) => `{"temperature":${number},"ts":1}`),
  );
  // What failed in between was the second call: that is the same outage.
  await steady();
  expect(said()).toEqual(["Kafka is away; what is said waits", "Kafka is back"]);
  output.hold();
  output.send(message(20_001));
  await Promise.resolve();
  expect([output.isConnected, [...output.waitingNumbers()]]).toEqual([false, [20_001]]);
  output.resume();
  await vi.waitFor(() => expect(delivered.at(-1)).toBe(20_001));
});

test("Kafka: what was never taken is still listed after the end", async () => {
  const { output, kafka, delivered } = kafkaOutput();
  kafka.leave();
  for (const number of [1, 2]) output.send(message(number));
  await vi.waitFor(() => expect(output.isConnected).toBe(false));
  await output.close();
  expect([delivered, [...output.waitingNumbers()]]).toEqual([[], [1, 2]]);
});

function fileOutput(options: {
  readonly folder: string;
  readonly format?: "json" | "csv";
  rotateBytes?: number;
}) {
  const { folder, format = "json", rotateBytes = 1_048_576 } = options;
  const watch = watched(folder);
  const output = new FileOutput({ ...watch.options, folder, formatOf: () => format, rotateBytes, keep: 2 });
  ends.push(() => output.close());
  output.open();
  return { ...watch, output };
}

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-out-"));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "out");
};

test("files: a line for each reading, a file for each signal, and full ones are set aside", async () => {
  const folder = newFolder();
  const { output, delivered } = fileOutput({ folder, rotateBytes: 100 });
  for (let number = 1; number <= 20; number += 1) {
    output.send(message(number));
    if (number % 4 === 0) await vi.waitFor(() => expect(delivered.at(-1)).toBe(number));
  }
  output.send({ ...message(0, "factory/alpha/line-1/machine-1/state"), numbers: [] });
  output.send(message(21, "factory/alpha/line-1/machine-1/vibration"));
  await vi.waitFor(() => expect(delivered.at(-1)).toBe(21));
  expect(readdirSync(folder).toSorted()).toEqual([
    "temperature.jsonl",
    "temperature.jsonl.1",
    "temperature.jsonl.2",
    "vibration.jsonl",
  ]);
  const last = readFileSync(join(folder, "temperature.jsonl"), "utf8").trimEnd().split("\n");
  expect(last.at(-1)).toBe('{"temperature":20,"ts":1}');
});

test("files: CSV begins with its heading, and after a torn line goes on with a new one", async () => {
  const folder = newFolder();
  const first = fileOutput({ folder, format: "csv" });
  first.output.send({ ...message(1), payload: "1,line-1,machine-1,60" });
  await vi.waitFor(() => expect(first.delivered).toEqual([1]));
  await first.output.close();
  const path = join(folder, "temperature.csv");
  expect(readFileSync(path, "utf8")).toBe("ts,line,machine,value\n1,line-1,machine-1,60\n");
  writeFileSync(path, `${readFileSync(path, "utf8")}2,line-1,mach`);
  const second = fileOutput({ folder, format: "csv" });
  second.output.send({ ...message(2), payload: "2,line-1,machine-1,61" });
  await vi.waitFor(() => expect(second.delivered).toEqual([2]));
  expect(readFileSync(path, "utf8").split("\n").slice(1)).toEqual([
    "1,line-1,machine-1,60",
    "2,line-1,mach",
    "2,line-1,machine-1,61",
    "",
  ]);
});

test("files: a folder that cannot be written is a receiver that is away", async () => {
  const folder = newFolder();
  writeFileSync(folder, "a file where the folder should be");
  const { output, delivered, said } = fileOutput({ folder });
  output.send(message(1));
  await vi.waitFor(() => expect(said()).toEqual([`${folder} is away; what is said waits`]));
  expect([...output.waitingNumbers()]).toEqual([1]);
  rmSync(folder);
  await vi.waitFor(() => expect(delivered).toEqual([1]));
});
