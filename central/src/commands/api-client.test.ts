// What a command says of a central that runs and does not give what it is asked for.
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { expect, onTestFinished, test } from "vitest";
import { ApiClient } from "./api-client.ts";

async function refusalOf(status: number, body: string): Promise<unknown> {
  const server = createServer((_request, response) => response.writeHead(status).end(body));
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const http = {
    host: "127.0.0.1",
    port,
    tls: null,
    allowedHosts: [],
    isControlAllowed: false,
    users: [],
    tokens: [],
  };
  const client = new ApiClient({ http, dataFolder: tmpdir() });
  return client.get("/api/v1/agents").catch((error: unknown) => error);
}

test("one that runs and refuses is not looked for elsewhere: its answer and reason are told", async () => {
  expect(await refusalOf(429, '{"detail":"too many requests wait"}')).toMatchObject({
    code: "service_refused",
    message: expect.stringMatching(/answered 429: too many requests wait$/),
  });
  expect(await refusalOf(503, "{}")).toMatchObject({
    code: "service_refused",
    message: expect.stringMatching(/answered 503: it says no more$/),
  });
  expect(await refusalOf(401, "{}")).toMatchObject({
    code: "service_refused",
    message: expect.stringMatching(/answered 401: it wants a login/),
  });
});
