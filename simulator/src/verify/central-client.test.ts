// Central is asked again where a connection was lost that had been kept: over a long truth it is idle for minutes.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { CentralClient } from "./central-client.ts";

test("a question whose connection is gone is asked again, three times at most", async () => {
  let hangUps = 2;
  const server = createServer((request, response) => {
    if (hangUps-- > 0) request.socket.destroy();
    else response.end(JSON.stringify({ alarms: [], cursor: null }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new CentralClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  expect(await client.alarms()).toEqual([]);
  hangUps = Infinity;
  await expect(client.alarms()).rejects.toThrow("cannot ask http://127.0.0.1");
  server.closeAllConnections();
  server.close();
});
