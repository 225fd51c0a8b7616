// Listening: a taken port is named with the way out, and the next free one is found.
import { createServer } from "node:net";
import { once } from "node:events";
import { expect, test } from "vitest";
import { findFreePort, toListenError } from "./listen.ts";

const wish = { host: "127.0.0.1", purpose: "the dashboard", setting: "`http.port` in central.yaml" };

async function takePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { port: address.port, server };
}

test("finds the next free port past a taken one", async () => {
  const { port, server } = await takePort();
  const free = await findFreePort({ ...wish, port });
  expect(free).toBeGreaterThan(port);
  server.close();
  expect(await findFreePort({ ...wish, port: 0 })).toBeGreaterThan(0);
});

test("a taken port is port_in_use", async () => {
  const { port, server } = await takePort();
  const second = createServer().listen(port, "127.0.0.1");
  const [error] = await once(second, "error");
  server.close();
  const listenError = toListenError(error, { ...wish, port });
  expect(listenError.code).toBe("port_in_use");
  expect(listenError.explain()).toBe(
    `cannot listen on 127.0.0.1:${port} for the dashboard: another program already listens there\n` +
      "  → stop it, or set another port with `http.port` in central.yaml (port_in_use)",
  );
});

test("an address of another machine is listen_failed", async () => {
  await expect(findFreePort({ ...wish, host: "192.0.2.1", port: 40_000 })).rejects.toMatchObject({
    code: "listen_failed",
    message: "cannot listen on 192.0.2.1:40000 for the dashboard: this machine has no such address",
  });
});
