// The few routes of the status page over real sockets: JSON in and out, bounded bodies, an end that waits for nobody.
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { JsonServer, type JsonRoute } from "./json-server.ts";

const ROUTES = new Map<string, JsonRoute>([
  ["GET /status", () => ({ body: { lines: 3 } })],
  ["GET /text", () => ({ body: "a 1\n", headers: { "content-type": "text/special" } })],
  ["GET /broken", () => Promise.reject(new Error("no disk"))],
  [
    "GET /thrown",
    () => {
      throw new Error("no status");
    },
  ],
  ["POST /echo", ({ body, headers }) => ({ status: 201, body: { body, from: headers["x-from"] } })],
]);

async function start(): Promise<{ readonly server: JsonServer; readonly url: string }> {
  const server = new JsonServer({
    routes: ROUTES,
    refusal: ({ headers }) =>
      headers["x-from"] === "evil" ? { status: 421, body: { error: "not for you" } } : null,
  });
  await server.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => server.close());
  return { server, url: `http://127.0.0.1:${server.port}` };
}

test("answers JSON and text, with its length, to GET and HEAD, whatever the query", async () => {
  const { url } = await start();
  const status = await fetch(`${url}/status?pretty=1`);
  expect([status.status, status.headers.get("content-type"), await status.json()]).toEqual([
    200,
    "application/json; charset=utf-8",
    { lines: 3 },
  ]);
  const text = await fetch(`${url}/text`);
  expect([text.headers.get("content-type"), await text.text()]).toEqual(["text/special", "a 1\n"]);
  const head = await fetch(`${url}/status`, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "11", ""]);
});

test("a body's JSON is handed over; what is none, or too large, or has no route is refused", async () => {
  const { url } = await start();
  const post = async (body: string | Uint8Array | undefined, path = "/echo", from = "us") => {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { "x-from": from },
      body: body ?? null,
    });
    return [response.status, await response.json()];
  };
  expect(await post('{"é":[1]}')).toEqual([201, { body: { é: [1] }, from: "us" }]);
  expect(await post(undefined)).toEqual([400, { error: "the body is not JSON" }]);
  expect(await post("{")).toEqual([400, { error: "the body is not JSON" }]);
  expect(await post(JSON.stringify("x".repeat(16 * 1024 - 2)))).toMatchObject([201, {}]);
  expect(await post(JSON.stringify("x".repeat(16 * 1024 - 1)))).toEqual([
    413,
    { error: "the body has over 16384 bytes" },
  ]);
  expect(await post("x".repeat(5_000_000))).toMatchObject([413, {}]);
  expect(await post("{}", "/status")).toEqual([404, { error: "there is no POST /status" }]);
  expect(await post("{}", "/echo", "evil")).toEqual([421, { error: "not for you" }]);
});

test("what a route throws is an answer, and the next request is answered too", async () => {
  const { url } = await start();
  for (const [path, error] of [
    ["/broken", "no disk"],
    ["/thrown", "no status"],
  ]) {
    const response = await fetch(url + path);
    expect([response.status, await response.json()]).toEqual([500, { error }]);
  }
  expect((await fetch(`${url}/status`)).status).toBe(200);
});

test("an end cuts off who is connected, and who has sent half a body", async () => {
  const { server } = await start();
  const socket = connect(server.port, "127.0.0.1");
  const ended = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {});
  await new Promise((resolve) => {
    socket.write("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{", resolve);
  });
  await server.close();
  await ended;
});

test("a port that is taken is told", async () => {
  const { server } = await start();
  const other = new JsonServer({ routes: ROUTES, refusal: () => null });
  await expect(other.listen({ host: "127.0.0.1", port: server.port })).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
});
