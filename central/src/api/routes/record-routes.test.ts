// Posted records over real sockets: what is answered, and when, and that a sender can neither fill memory nor reach what is not its own.
import { once } from "node:events";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { Metrics, silentLogger, systemClock, systemRandom } from "@millrace/runtime";
import { afterEach, expect, test, vi } from "vitest";
import { NotReady } from "../../commit/not-ready.ts";
import type { RecordBatch, RecordOutcome } from "../../records/record-batch.ts";
import type { RecordStreamView } from "../../records/record-stream-view.ts";
import { NO_RECORDS } from "../../records/record-totals.ts";
import { Access } from "../access.ts";
import type { CentralReader } from "../central-reader.ts";
import { describedFetch as fetch } from "../described-fetch.test-support.ts";
import type { RecordTarget } from "./record-routes.ts";
import { ApiServer } from "../server.ts";

const OUTCOME: RecordOutcome = {
  received: 4,
  taken: 1,
  duplicates: 0,
  setAside: 1,
  tooLate: 1,
  noEffect: 0,
  rejectedCount: 1,
  lost: 0,
  rejected: [{ index: 1, reason: "no_id", detail: "it has no id" }],
  aside: [{ index: 2, reason: "set_aside", detail: "its time is long ago" }],
};

class Target implements RecordTarget {
  readonly batches: RecordBatch[] = [];
  answer: () => Promise<RecordOutcome> | null = () => Promise.resolve(OUTCOME);

  recordStreams(): RecordStreamView[] {
    const rest = {
      totals: { ...NO_RECORDS, received: 7 },
      partitions: [],
      ids: 0,
      idsDropped: 0,
      watches: [],
      rules: [],
      rows: null,
      rowsDropped: 0,
      waitingBytes: 0,
      reading: null,
    };
    return [
      { stream: "orders", source: "http", ...rest },
      { stream: "payments", source: "kafka payments", ...rest },
    ];
  }
  offerRecords(_stream: string, batch: RecordBatch): Promise<RecordOutcome> | null {
    this.batches.push(batch);
    return this.answer();
  }
}

const servers: ApiServer[] = [];
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) end();
  for (const server of servers.splice(0)) await server.close();
});

const READER: CentralReader = {
  agents: () => [],
  alarms: () => [],
  ledger: () => new Map(),
  ledgerSum: () => ({ received: 0, merged: 0, tooLate: 0 }),
  pipeline: () => ({ metrics: [], windows: [], rules: [] }),
  windows: () => Promise.resolve({ windows: [], cursor: null }),
  series: () => Promise.resolve({ reason: "unknown_metric", detail: "" } as const),
  backup: async function* () {},
  latestWindows: () => Promise.resolve({ windows: [], searchedAfterMs: {} }),
  recentWindows: () => [],
  quarantine: () => Promise.resolve([]),
  quarantineCounts: () => null,
  late: () => [],
  evidence: () => ({ evidence: [], cursor: null }),
  evidenceOf: () => null,
  evidenceBytes: async function* () {},
  retire: () => Promise.resolve(0),
  resetAlarm: () => Promise.resolve("no_such_alarm"),
  pushPipeline: () => Promise.resolve({ version: "", agents: [] }),
  health: () => ({ isAlive: true, isReady: true, reason: "" }),
  subscribe: () => () => {},
};

function access(): Access {
  return new Access({ users: [], tokens: [], ownToken: "own", clock: systemClock, random: systemRandom });
}

async function listen(isControlAllowed = true) {
  const target = new Target();
  const server = await ApiServer.listen({
    host: "127.0.0.1",
    port: 0,
    allowedHosts: [],
    isControlAllowed,
    reader: READER,
    records: target,
    sinks: () => [],
    assets: { get: () => undefined },
    metrics: new Metrics(),
    refreshMetrics: () => {},
    windowGauges: () => [],
    intakeObstacle: () => null,
    clock: systemClock,
    random: systemRandom,
    access: access(),
    tls: null,
    log: silentLogger,
  });
  servers.push(server);
  const url = `http://127.0.0.1:${server.port}`;
  const post = async (
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
    stream = "orders",
  ) => {
    const response = await fetch(`${url}/api/v1/records/${stream}`, { method: "POST", body, headers });
    const answer: Record<string, unknown> = JSON.parse(await response.text());
    return { status: response.status, retryAfter: response.headers.get("retry-after"), answer };
  };
  return { target, url, post };
}

test("lines of any type are taken as they are, and what was rejected or set aside is named by its line", async () => {
  const { target, post } = await listen();
  for (const type of [
    "application/x-ndjson",
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
  ]) {
    const { status, answer } = await post('{"id":1}\n\n{}\n{"id":"北京"}\n', { "content-type": type });
    expect(status).toBe(200);
    const { rejected, aside, ...counts } = OUTCOME;
    expect(answer).toEqual({
      stream: "orders",
      ...counts,
      rejected: rejected.map(({ reason, detail }) => ({ line: 3, reason, detail })),
      aside: aside.map(({ reason, detail }) => ({ line: 4, reason, detail })),
    });
  }
  const { values } = target.batches[0];
  const texts = [0, 1, 2].map((at) => new TextDecoder().decode(values.at(at) ?? undefined));
  expect(values.length).toBe(3);
  expect(texts).toEqual(['{"id":1}', "{}", '{"id":"北京"}']);
});

test("lines whose first one is an array are all taken up, by their type or by what stands behind it", async () => {
  const { target, post } = await listen();
  for (const [type, first] of [
    ["application/x-ndjson", "[1,"],
    ["text/plain", "[1]"],
  ]) {
    const { status, answer } = await post(`${first}\n{"id":1}\n{"id":2}`, { "content-type": type });
    expect(status).toBe(200);
    expect(answer["rejected"]).toEqual([{ line: 2, reason: "no_id", detail: "it has no id" }]);
  }
  expect(target.batches.map(({ values }) => values.length)).toEqual([3, 3]);
});

test("of an array, by its place", async () => {
  const { post } = await listen();
  const { answer } = await post('[{"id":1},{},{"id":2}]', { "content-type": "application/json" });
  expect(answer["rejected"]).toEqual([{ index: 1, reason: "no_id", detail: "it has no id" }]);
  expect(answer["aside"]).toEqual([{ index: 2, reason: "set_aside", detail: "its time is long ago" }]);
});

test("nothing is answered before it is durable", async () => {
  const { target, post } = await listen();
  const { promise, resolve } = Promise.withResolvers<RecordOutcome>();
  const { promise: offered, resolve: offer } = Promise.withResolvers<undefined>();
  target.answer = () => (offer(undefined), promise);
  let isAnswered = false;
  const answer = post("{}").then(({ status }) => ((isAnswered = true), status));
  await offered;
  await new Promise((done) => setImmediate(done));
  expect(isAnswered).toBe(false);
  resolve(OUTCOME);
  expect(await answer).toBe(200);
});

test("where there is no room, a sender is told when to come again; a core that stops says that it may have been taken", async () => {
  const { target, post } = await listen();
  target.answer = () => null;
  expect(await post("{}")).toMatchObject({
    status: 429,
    retryAfter: "1",
    answer: { code: "too_many_records" },
  });
  target.answer = () => Promise.reject(new NotReady("central stops; what was sent may have been taken"));
  expect(await post("{}")).toMatchObject({
    status: 503,
    retryAfter: "5",
    answer: { code: "not_ready", detail: "central stops; what was sent may have been taken" },
  });
});

test("senders that announce much and send nothing, or do not say how much, hold up nobody; too much at once is for later", async () => {
  const { url, post } = await listen();
  const { hostname, port } = new URL(url);
  const head = (length: string) =>
    `POST /api/v1/records/orders HTTP/1.1\r\nhost: ${hostname}\r\n${length}\r\n\r\n`;
  const send = async (length: string, body: Uint8Array) => {
    const socket = connect({ host: hostname, port: Number(port) });
    ends.push(() => socket.destroy());
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write(head(length));
    await new Promise((done) => socket.write(body, done));
    return socket;
  };
  const megabytes = 16 * 1024 * 1024;
  for (let sender = 0; sender < 10; sender += 1) {
    await send(`content-length: ${megabytes}`, new Uint8Array(1));
    await send("transfer-encoding: chunked", new Uint8Array());
  }
  expect(await post("{}")).toMatchObject({ status: 200 });
  const answers: string[] = [];
  for (let sender = 0; sender < 6; sender += 1) {
    const socket = await send(`content-length: ${megabytes}`, new Uint8Array(megabytes - 1));
    socket.on("data", (bytes) => answers.push(bytes.toString()));
  }
  await vi.waitFor(() => expect(answers.length).toBeGreaterThan(0));
  expect(answers.every((answer) => /^HTTP\/1.1 429 .*too_many_records/s.test(answer))).toBe(true);
  expect(await post("{}")).toMatchObject({ status: 200 });
});

test("whoever posts too much hears so however much of it is still to come, and stays connected", async () => {
  const { target, url } = await listen();
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  ends.push(() => socket.destroy());
  let heard = "";
  socket.on("data", (bytes) => (heard += bytes.toString()));
  const head = (length: number) =>
    `POST /api/v1/records/orders HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-length: ${length}\r\n\r\n`;
  const half = Buffer.alloc(9 * 1024 * 1024, "1");
  socket.write(head(2 * half.length));
  socket.write(half);
  await vi.waitFor(() => expect(heard).toMatch(/^HTTP\/1.1 413 .*too_large/s));
  expect(target.batches).toEqual([]);
  socket.write(half);
  socket.write(`${head(2)}{}`);
  await vi.waitFor(() => expect(heard).toMatch(/HTTP\/1.1 200 /));
});

test("packed records are unpacked, up to the size of plain ones", async () => {
  const { target, post } = await listen();
  const packed = (body: string | Uint8Array) => new Uint8Array(gzipSync(body));
  const gzip = { "content-encoding": "GZIP" };
  // Larger packed than the pieces that it is unpacked in.
  const lines = Array.from({ length: 20_000 }, (_, id) => JSON.stringify({ id: `${id * 7_919}` }));
  expect(await post(packed(lines.join("\n")), gzip)).toMatchObject({ status: 200 });
  const { values } = target.batches[0];
  expect(values.length).toBe(lines.length);
  expect(new TextDecoder().decode(values.at(-1))).toBe(lines.at(-1));
  for (const broken of [packed(lines.join("\n")).subarray(0, 10_000), new TextEncoder().encode("{}")])
    expect(await post(Uint8Array.from(broken), gzip)).toMatchObject({
      status: 400,
      answer: { code: "bad_request", detail: "the body is not gzip, or not all of it" },
    });
  const bomb = packed(new Uint8Array(40 * 1024 * 1024));
  for (let sender = 0; sender < 8; sender += 1)
    expect(await post(bomb, gzip)).toMatchObject({
      status: 413,
      answer: { detail: "the body has more than 16777216 bytes (16 MiB) when unpacked; send less at once" },
    });
  // What was refused has taken no room for good.
  for (let sender = 0; sender < 8; sender += 1)
    expect(await post(packed(new Uint8Array(15 * 1024 * 1024).fill(32)), gzip)).toMatchObject({
      status: 200,
    });
  expect(target.batches.length).toBe(9);
});

test("refused: another stream, one of Kafka, a body that is none, too great, packed otherwise, another page, another machine", async () => {
  const { target, post } = await listen();
  expect(await post("{}", {}, "order")).toMatchObject({
    status: 404,
    answer: { code: "unknown_stream", detail: "order: no metric reads such a stream; there are orders" },
  });
  expect(await post("{}", {}, "payments")).toMatchObject({ status: 404, answer: { code: "unknown_stream" } });
  expect(await post("[{}")).toMatchObject({ status: 400, answer: { code: "bad_request" } });
  expect(await post(new Uint8Array(17 * 1024 * 1024))).toMatchObject({
    status: 413,
    answer: { code: "too_large" },
  });
  expect(await post("{}", { "content-encoding": "br" })).toMatchObject({
    status: 415,
    answer: { code: "unsupported", detail: "bodies in br are not read; send them plain, or in gzip" },
  });
  expect(await post("{}", { origin: "https://evil.example" })).toMatchObject({ status: 403 });
  expect(target.batches).toEqual([]);
  const foreign = await listen(false);
  expect(await foreign.post("{}")).toMatchObject({ status: 403, answer: { code: "control_off" } });
  expect(await foreign.post("{}", { authorization: "Bearer own" })).toMatchObject({ status: 200 });
});

test("streams and their ledgers are shown", async () => {
  const { url } = await listen();
  const ask = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json();
  expect(await ask("/api/v1/records")).toMatchObject({
    streams: [{ stream: "orders" }, { stream: "payments" }],
  });
  expect(await ask("/api/v1/ledger")).toMatchObject({ records: { orders: { received: 7 } } });
});
