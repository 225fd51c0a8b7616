// Records reach an HTTP receiver in their order, whatever it answers, and what may have come twice is counted.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { reasonOf, silentLogger, systemClock } from "@millrace/runtime";
import { SeededRandom } from "@millrace/testkit";
import { afterEach, expect, test } from "vitest";
import type { Login } from "../../publish/login.ts";
import { ReceiverWatch } from "../../publish/receiver-watch.ts";
import type { BusinessRecord, RecordStreamName } from "../business-record.ts";
import { HttpReceiver } from "./http-receiver.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface Request {
  readonly path: string;
  readonly lines: readonly string[];
  readonly authorization?: string;
}

/** Answers with one status after the other, then with 200; 0: it hangs up. */
async function receiverOf(statuses: number[], login: Login | null = null) {
  const requests: Request[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const lines = Buffer.concat(chunks).toString().trimEnd().split("\n");
      const { authorization } = request.headers;
      requests.push({
        path: request.url ?? "",
        lines,
        ...(authorization === undefined ? {} : { authorization }),
      });
      const status = statuses.shift() ?? 200;
      if (status === 0) return request.socket.destroy();
      return response.writeHead(status, { "retry-after": "7" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(server);
  const waits: number[] = [];
  // Waits are told and are over at once.
  const clock = {
    ...systemClock,
    after: (ms: number, run: () => void) => {
      waits.push(ms);
      return systemClock.after(0, run);
    },
  };
  const receiver = new HttpReceiver({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/records/`,
    login,
    clock,
    random: new SeededRandom(1),
    watch: new ReceiverWatch({ receiver: "it", clock, log: silentLogger }),
  });
  return { receiver, requests, waits };
}

function records(topic: RecordStreamName, count: number): BusinessRecord[] {
  return Array.from({ length: count }, (_, at) => {
    const id = `${topic}-${at}`;
    return { topic, id, timeMs: at, sentMs: at, key: id, json: `{"id":"${id}"}` };
  });
}

test("each stream is posted to its own path, in order, in requests of a bounded size; tombstones are left out", async () => {
  const { receiver, requests } = await receiverOf([]);
  const orders = records("orders", 12_000);
  await receiver.send([...orders, ...records("refunds", 2), { ...orders[0], json: null }]);
  expect(requests.map(({ path, lines }) => [path, lines.length])).toEqual([
    ["/records/orders", 5_000],
    ["/records/orders", 5_000],
    ["/records/orders", 2_000],
    ["/records/refunds", 2],
  ]);
  expect(requests.slice(0, 3).flatMap(({ lines }) => lines)).toEqual(orders.map(({ json }) => json));
  expect(receiver.againMax).toBe(0);
});

test.each([
  [null, undefined],
  [{ kind: "token", token: "abc" }, "Bearer abc"],
  [{ kind: "password", user: "simulator", password: "s3:cret" }, "Basic c2ltdWxhdG9yOnMzOmNyZXQ="],
] as const)("who posts says who he is, where he is somebody: %o", async (login, header) => {
  const { receiver, requests } = await receiverOf([], login);
  await receiver.send(records("orders", 1));
  expect(requests.map(({ authorization }) => authorization)).toEqual([header]);
});

test("who is not let in is told how to say who he is", async () => {
  const { receiver } = await receiverOf([401]);
  await expect(receiver.send(records("orders", 1))).rejects.toThrow(/answered 401.*--http-token-file/);
});

test("who is asked to come later waits as long as was asked, and nothing has come twice", async () => {
  const { receiver, requests, waits } = await receiverOf([429, 429]);
  await receiver.send(records("orders", 3));
  expect([requests.length, waits, receiver.againMax]).toEqual([3, [7_000, 7_000], 0]);
});

test.each([503, 0])("after %d the same lines are sent again, and may have come twice", async (status) => {
  const { receiver, requests, waits } = await receiverOf([status, status]);
  await receiver.send(records("orders", 3));
  expect(requests.map(({ lines }) => lines.length)).toEqual([3, 3, 3]);
  // Until it is said to be back.
  expect(waits).toEqual([expect.any(Number), expect.any(Number), 2_000]);
  expect(receiver.againMax).toBe(6);
});

test.each([404, 403, 413])("%d: waiting cannot help, and it is said why", async (status) => {
  const { receiver } = await receiverOf([status]);
  await expect(receiver.send(records("orders", 1))).rejects.toThrow(`it answered ${status}`);
});

test("nobody is there: it waits, and ends when it is closed; nothing can have come", async () => {
  const { receiver, waits } = await receiverOf([]);
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  const ended = receiver.send(records("orders", 1)).then(() => "sent", reasonOf);
  while (waits.length < 3) await new Promise((resolve) => setImmediate(resolve));
  await receiver.close();
  expect(await ended).toContain("it was closed");
  expect(receiver.againMax).toBe(0);
});
