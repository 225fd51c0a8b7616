// The status page answers those who ask by its own names, and nobody whose name only points here.
import { request } from "node:http";
import { Health, Metrics } from "@millrace/runtime";
import { expect, test } from "vitest";
import { StatusServer } from "./status-server.ts";

test("a request for another host is refused before anything is done", async () => {
  let resetCount = 0;
  const server = await StatusServer.start({
    host: "127.0.0.1",
    port: 0,
    allowedHosts: ["gateway.plant.local"],
    agent: {
      status: () => {
        throw new Error("nobody may see it");
      },
      resetAlarms: () => ({ resetCount: (resetCount += 1) }),
    },
    inputs: [],
    metrics: new Metrics(),
    health: new Health(),
  });
  const post = (host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { host, "content-type": "application/json" };
      request({ port: server.port, path: "/alarms/reset", method: "POST", headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end('{ "all": true }');
    });
  expect(await post("evil.example")).toBe(421);
  expect(resetCount).toBe(0);
  expect(await post(`127.0.0.1:${server.port}`)).toBe(200);
  expect(await post("gateway.plant.local")).toBe(200);
  expect(resetCount).toBe(2);
  await server.stop();
});
