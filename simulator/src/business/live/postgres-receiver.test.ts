// What waiting cannot help is said at once; the rest needs a real server (test/end-to-end/simulator-postgres.e2e.test.ts).
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { silentLogger, systemClock, systemRandom } from "@millrace/runtime";
import { expect, test } from "vitest";
import { ReceiverWatch } from "../../publish/receiver-watch.ts";
import { PostgresReceiver } from "./postgres-receiver.ts";

test("a server without TLS is not waited for", async () => {
  // Its answer to a request for TLS: no.
  const server = createServer((socket) => socket.once("data", () => socket.write("N"))).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  const receiver = new PostgresReceiver({
    connection: {
      host: "127.0.0.1",
      port: (server.address() as AddressInfo).port,
      database: "shop",
      ssl: {},
    },
    tables: new Map(),
    run: "1",
    isResumed: false,
    clock: systemClock,
    random: systemRandom,
    watch: new ReceiverWatch({ receiver: "PostgreSQL", clock: systemClock, log: silentLogger }),
  });
  await expect(receiver.open()).rejects.toMatchObject({
    message: "cannot open the tables in PostgreSQL",
    cause: { message: "The server does not support SSL connections" },
  });
  await receiver.close();
  server.close();
});
