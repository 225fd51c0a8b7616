// Readings over real HTTP: an answer of success means durable, what is rejected is listed, and nothing that a client does is unbounded.
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { silentLogger, systemClock } from "@millrace/runtime";
import { TEST_CERTIFICATES } from "@millrace/testkit";
import { afterEach, expect, test, vi } from "vitest";
import type { Arrival, InputHandler } from "../input.ts";
import type { Junk } from "../junk.ts";
import { HttpInput, type HttpInputOptions } from "./http-input.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Takes everything but payloads that say `bad`. */
function takingHandler(): { readonly handler: InputHandler; readonly arrivals: [string, string][] } {
  const arrivals: [string, string][] = [];
  const handler = async (arrival: Arrival) => {
    const text = Buffer.from(arrival.payload).toString();
    arrivals.push([arrival.topic, text]);
    if (arrival.isOversized) return { reason: "oversized", detail: "too long" } as const;
    return text.includes("bad") ? ({ reason: "malformed", detail: "it is bad" } as const) : undefined;
  };
  return { handler, arrivals };
}

async function inputWith(handler: InputHandler, options: Partial<HttpInputOptions> = {}) {
  const input = new HttpInput({
    name: "http",
    host: "127.0.0.1",
    port: 0,
    users: [],
    tls: null,
    clientsMax: 50,
    requestsMax: 20,
    requestsPerClientMax: 20,
    bodyBytesMax: 10_000,
    payloadBytesMax: 1_000,
    failure: () => null,
    clock: systemClock,
    log: silentLogger,
    ...options,
  });
  await input.start(handler);
  cleanups.push(() => input.stop());
  const post = (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${input.port}${path}`, {
      method: "POST",
      body,
      headers: { "content-type": "text/plain", ...headers },
    });
  return { input, post };
}

test("lines of text and NDJSON are payloads of the path's topic, JSON is one", async () => {
  const { handler, arrivals } = takingHandler();
  const { input, post } = await inputWith(handler);
  const answer = await post("/topics/plant/m%201/temp", "1\n\r\n2\r\n3");
  expect([answer.status, await answer.json()]).toEqual([200, { taken: 3, rejected: 0 }]);
  await post("/topics/t", '{"a":1}\n{"a":2}\n', { "content-type": "application/x-ndjson; charset=utf-8" });
  await post("/topics/t", '{\n"a": 3\n}', { "content-type": "application/json" });
  expect(arrivals).toEqual([
    ["plant/m 1/temp", "1"],
    ["plant/m 1/temp", "2"],
    ["plant/m 1/temp", "3"],
    ["t", '{"a":1}'],
    ["t", '{"a":2}'],
    ["t", '{\n"a": 3\n}'],
  ]);
  expect(input.status()).toMatchObject({ isConnected: true, counts: { requests: 3, lines: 6 } });
});

test("the answer waits until every line is durable", async () => {
  const held: (() => void)[] = [];
  const { post } = await inputWith(() => new Promise<void>((resolve) => held.push(resolve)));
  let isAnswered = false;
  const answer = post("/topics/t", "1\n2\n").finally(() => (isAnswered = true));
  await vi.waitFor(() => expect(held).toHaveLength(2));
  held[0]?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(isAnswered).toBe(false);
  held[1]?.();
  expect((await answer).status).toBe(200);
});

test("what is rejected is listed with its line, the rest is taken; line protocol says so as Telegraf reads it", async () => {
  const { handler } = takingHandler();
  const { input, post } = await inputWith(handler);
  const lines = await post("/topics/t", `1\nbad\n\n${"x".repeat(1_500)}\n5`);
  expect(lines.status).toBe(400);
  expect(await lines.json()).toMatchObject({
    taken: 2,
    rejected: 2,
    rejections: [
      { line: 2, reason: "malformed", detail: "it is bad" },
      { line: 4, reason: "oversized" },
    ],
  });
  const written = await post("/write?db=telegraf&precision=s", "m v=1 5\nm bad 6\n");
  expect(written.status).toBe(400);
  const error = "partial write: 1 of 2 rejected dropped=1; the first: line 2, malformed: it is bad";
  expect(await written.json()).toMatchObject({ error, message: error, code: "invalid", taken: 1 });
  expect(input.status().counts).toMatchObject({
    lines: 6,
    "rejected.malformed": 2,
    "rejected.oversized": 1,
    partly_taken: 2,
  });
  // Nothing was refused as a whole.
  expect(input.status().counts).not.toHaveProperty(["refused.400"]);
  expect((await post("/topics/t", "bad")).status).toBe(400);
  await vi.waitFor(() => expect(input.status().counts).toMatchObject({ partly_taken: 2, "refused.400": 1 }));
});

test("a line is named by its number in the body only, not by the decoder's as well", async () => {
  const { post } = await inputWith(async ({ payload }) =>
    Buffer.from(payload).toString() === "m v=1"
      ? undefined
      : ({ reason: "malformed", detail: "line 1: there is no field" } as const),
  );
  expect(await (await post("/write", "m v=1\nm\n")).json()).toMatchObject({
    error: "partial write: 1 of 2 rejected dropped=1; the first: line 2, malformed: there is no field",
  });
});

test("what Telegraf's outputs ask is answered as they expect", async () => {
  const { handler, arrivals } = takingHandler();
  const { input, post } = await inputWith(handler);
  const url = `http://127.0.0.1:${input.port}`;
  expect((await fetch(`${url}/ping`)).status).toBe(204);
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: "pass" });
  const created = await post("/query", "q=CREATE+DATABASE+%22telegraf%22", {
    "content-type": "application/x-www-form-urlencoded",
  });
  expect([created.status, await created.json()]).toEqual([200, { results: [{ statement_id: 0 }] }]);
  const body = Uint8Array.from(gzipSync("cpu,host=a usage=3 1767225600000\n"));
  const headers = { "content-encoding": "gzip" };
  expect((await post("/api/v2/write?org=o&bucket=b&precision=ms", body, headers)).status).toBe(204);
  expect(arrivals).toEqual([["influx/cpu", "cpu,host=a usage=3 1767225600000000000"]]);
  expect((await post("/write?precision=weeks", "m v=1 1")).status).toBe(400);
});

test("paths, topics, types and encodings that are not known are refused with a hint", async () => {
  const { handler, arrivals } = takingHandler();
  const { post } = await inputWith(handler);
  const lost = await post("/api/v1/push", "1");
  expect(lost.status).toBe(404);
  expect(await lost.json()).toMatchObject({ error: expect.stringContaining("/topics/<topic>") });
  for (const topic of ["", "a/%2B", "a%23", "$SYS/x"])
    expect((await post(`/topics/${topic}`, "1")).status).toBe(400);
  expect((await post("/topics/t", "<a/>", { "content-type": "application/xml" })).status).toBe(415);
  expect((await post("/topics/t", "1", { "content-encoding": "br" })).status).toBe(415);
  expect((await post("/topics/t", "no gzip", { "content-encoding": "gzip" })).status).toBe(400);
  expect((await post("/topics/t", "1", { origin: "https://evil.example" })).status).toBe(403);
  expect(arrivals).toEqual([]);
});

test("a body too large is refused, also one that only unpacks to it", async () => {
  const { handler, arrivals } = takingHandler();
  const junk: Junk[] = [];
  const { input, post } = await inputWith(handler, { setAside: (one) => junk.push(one) });
  expect((await post("/topics/t", "1\n".repeat(6_000))).status).toBe(413);
  const bomb = Uint8Array.from(gzipSync("0\n".repeat(2_000_000)));
  expect(bomb.length).toBeLessThan(10_000);
  const answer = await post("/topics/t", bomb, { "content-encoding": "gzip" });
  expect(answer.status).toBe(413);
  expect(arrivals).toEqual([]);
  expect(input.status().counts).toMatchObject({ "refused.413": 2, working: 0 });
  const body = { reason: "oversized_body", topic: "t", client: "127.0.0.1" };
  expect(junk).toMatchObject([{ ...body, bytes: 12_000 }, body]);
  expect([...junk[1].head.subarray(0, 2)]).toEqual([0x1f, 0x8b]);
});

test("of a body too large the first bytes are set aside, also where nothing tells how long it will be", async () => {
  const junk: Junk[] = [];
  const { input } = await inputWith(takingHandler().handler, { setAside: (one) => junk.push(one) });
  for (const headers of [{ "content-length": "12000" }, {}]) {
    const status = await new Promise((resolve, reject) => {
      const type = { "content-type": "text/plain" };
      const options = {
        port: input.port,
        path: "/topics/t",
        method: "POST",
        headers: { ...type, ...headers },
      };
      httpRequest(options, (response) => resolve(response.resume().statusCode))
        .on("error", reject)
        .end("first".padEnd(12_000, "1"));
    });
    expect(status).toBe(413);
  }
  for (const { head } of junk) expect(Buffer.from(head).toString()).toMatch(/^first1/);
  expect(junk).toHaveLength(2);
});

test("whoever sends a body that is too large hears so however much of it is still to come, and stays connected", async () => {
  const { input } = await inputWith(takingHandler().handler);
  const head = (length: number, more = "") =>
    `POST /topics/t HTTP/1.1\r\nhost: agent\r\ncontent-type: text/plain\r\ncontent-length: ${length}\r\n${more}\r\n`;
  const open = () => {
    const socket = connect(input.port, "127.0.0.1");
    cleanups.push(async () => socket.destroy());
    const heard: string[] = [];
    socket.setEncoding("latin1").on("data", (text: string) => void heard.push(text));
    return { socket, heard: () => heard.join("") };
  };
  const bytes = 3_000_000;
  const { socket, heard } = open();
  socket.write(head(bytes) + "1".repeat(bytes / 2));
  await vi.waitFor(() => expect(heard()).toMatch(/^HTTP\/1.1 413 /));
  socket.write("1".repeat(bytes / 2) + head(2) + "1\n");
  await vi.waitFor(() => expect(heard()).toMatch(/HTTP\/1.1 200 /));

  // As curl does: it waits for leave to send much.
  const asking = open();
  asking.socket.write(head(bytes, "expect: 100-continue\r\n"));
  await vi.waitFor(() => expect(asking.heard()).toMatch(/^HTTP\/1.1 413 /));
  const allowed = open();
  allowed.socket.write(head(2, "expect: 100-continue\r\n"));
  await vi.waitFor(() => expect(allowed.heard()).toMatch(/^HTTP\/1.1 100 /));
  allowed.socket.write("1\n");
  await vi.waitFor(() => expect(allowed.heard()).toMatch(/HTTP\/1.1 200 /));
});

test("users prove themselves with a password or a token", async () => {
  const { handler } = takingHandler();
  const users = [
    { user: "a", password: "p:w", token: null },
    { user: "b", password: null, token: "secret" },
  ];
  const { post } = await inputWith(handler, { users });
  const status = async (authorization?: string) =>
    (await post("/topics/t", "1", authorization === undefined ? {} : { authorization })).status;
  expect(await status()).toBe(401);
  expect(await status(`Basic ${btoa("a:p:w")}`)).toBe(200);
  expect(await status(`Basic ${btoa("b:secret")}`)).toBe(401);
  expect(await status(`Basic ${btoa("b:null")}`)).toBe(401);
  expect(await status("Bearer secret")).toBe(200);
  expect(await status("Token secret")).toBe(200);
  expect(await status("Bearer null")).toBe(401);
});

test("while the store takes no writes a sender is told when to come again, and what was taken", async () => {
  let failure: string | null = "disk full";
  let count = 0;
  const { post } = await inputWith(
    () => {
      count += 1;
      if (count === 1_000) failure = "disk full";
      return Promise.resolve();
    },
    { failure: () => failure },
  );
  const before = await post("/topics/t", "1");
  expect([before.status, before.headers.get("retry-after")]).toEqual([429, "5"]);
  expect(count).toBe(0);
  failure = null;
  const between = await post("/topics/t", "1\n".repeat(1_500));
  expect(between.status).toBe(429);
  expect(await between.json()).toMatchObject({ taken: 1_000, rejected: 0 });
  const refusing = await inputWith(() => Promise.reject(new Error("the store takes no writes")));
  expect((await refusing.post("/topics/t", "1")).status).toBe(429);
});

test("more requests than may be in work, of all or of one client, come again later", async () => {
  const held: (() => void)[] = [];
  const { input, post } = await inputWith(() => new Promise<void>((resolve) => held.push(resolve)), {
    requestsPerClientMax: 2,
  });
  const taken = [post("/topics/t", "1"), post("/topics/t", "2")];
  await vi.waitFor(() => expect(held).toHaveLength(2));
  expect((await post("/topics/t", "3")).status).toBe(429);
  for (const release of held.splice(0)) release();
  expect((await Promise.all(taken)).map(({ status }) => status)).toEqual([200, 200]);
  await vi.waitFor(() => expect(input.status().counts["working"]).toBe(0));
});

test("a client that leaves while its lines are on the way to the disk keeps its place until they are there", async () => {
  const held: (() => void)[] = [];
  const { input } = await inputWith(() => new Promise<void>((resolve) => held.push(resolve)), {
    requestsPerClientMax: 1,
  });
  const leaving = httpRequest({
    port: input.port,
    path: "/topics/t",
    method: "POST",
    headers: { "content-type": "text/plain" },
  });
  leaving.on("error", () => {});
  leaving.end("1");
  await vi.waitFor(() => expect(held).toHaveLength(1));
  leaving.destroy();
  await vi.waitFor(() => expect(leaving.closed).toBe(true));
  expect(input.status().counts["working"]).toBe(1);
  held[0]?.();
  await vi.waitFor(() => expect(input.status().counts["working"]).toBe(0));
});

test("a client that sends its request by drops, or only half of it, is cut off and nothing of it is taken", async () => {
  const { handler, arrivals } = takingHandler();
  const { input } = await inputWith(handler, { requestTimeoutMs: 200 });
  for (const part of [
    "POST /topics/t HT",
    "POST /topics/t HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n1\n2\n",
  ]) {
    const socket = connect(input.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    socket.write(part);
    await new Promise((resolve) => socket.once("close", resolve));
  }
  const halfClosed = connect({ port: input.port, host: "127.0.0.1", allowHalfOpen: true });
  halfClosed.on("error", () => {});
  halfClosed.resume();
  halfClosed.end(
    "POST /topics/t HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n1\n2\n",
  );
  await new Promise((resolve) => halfClosed.once("close", resolve));
  expect(arrivals).toEqual([]);
  await vi.waitFor(() => expect(input.status().counts["working"]).toBe(0));
});

test("a port that is taken is refused at the start", async () => {
  const { input } = await inputWith(takingHandler().handler);
  await expect(inputWith(takingHandler().handler, { port: input.port })).rejects.toMatchObject({
    code: "port_in_use",
  });
});

test("with a certificate it answers over TLS, and over nothing else; one that is none is refused at the start", async () => {
  const { authority, serverCertificate: cert, serverKey: key } = TEST_CERTIFICATES;
  const { handler, arrivals } = takingHandler();
  const { input, post } = await inputWith(handler, { tls: { cert, key } });
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { "content-type": "text/plain" };
    httpsRequest(
      { port: input.port, host: "localhost", path: "/topics/t", method: "POST", ca: authority, headers },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    )
      .on("error", reject)
      .end("1");
  });
  expect([status, arrivals]).toEqual([200, [["t", "1"]]]);
  await expect(post("/topics/t", "2")).rejects.toThrow();
  expect(arrivals).toHaveLength(1);
  const wrong = inputWith(handler, { tls: { cert: "no", key: "no" } });
  await expect(wrong).rejects.toMatchObject({ code: "listen_failed" });
});
