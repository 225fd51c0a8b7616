// What a client is told of a request that Node does not take, on real sockets; and that the API's description knows of it.
import { createServer } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { OPENAPI } from "./openapi.ts";
import { problem } from "./problem.ts";
import { answerUnreadable } from "./unreadable-request.ts";

async function answerTo(request: string): Promise<string> {
  const server = createServer().on("clientError", answerUnreadable).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const socket = connect(typeof address === "object" && address !== null ? address.port : 0, "127.0.0.1");
  socket.end(request);
  return text(socket);
}

test("a head that is too large is 431, what is no request 400; every path is described with both", async () => {
  const large = await answerTo(`GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(20_000)}\r\n\r\n`);
  expect(large).toMatch(/^HTTP\/1.1 431 Request Header Fields Too Large\r\n/);
  expect(large).toContain('"status":431,"code":"head_too_large"');
  expect(await answerTo("GET\r\n\r\n")).toMatch(/^HTTP\/1.1 400 Bad Request\r\n[^]*"code":"bad_request"/);
  for (const path of Object.values(OPENAPI.paths))
    for (const { responses } of Object.values(path)) expect(Object.keys(responses ?? {})).toContain("431");
});

test("what a request says comes back cut", () => {
  const { detail } = problem("bad_request", `limit=${"x".repeat(9_000)} is not a whole number`);
  expect(detail).toHaveLength(1_001);
  expect(detail).toMatch(/^limit=x+…$/);
});
