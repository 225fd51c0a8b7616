// The status page answers those who ask by its own names, and nobody whose name only points here.
import { request } from "node:http";
import { Health, Metrics } from "@millrace/runtime";
import { expect, test } from "vitest";
import { StatusServer, type StatusServerOptions } from "./status-server.ts";

/** Of an agent that does what it is asked to, and has no status to show. */
function serverOf(
  agent: Partial<StatusServerOptions["agent"]>,
  options: Partial<StatusServerOptions> = {},
): Promise<StatusServer> {
  return StatusServer.start({
    host: "127.0.0.1",
    port: 0,
    allowedHosts: [],
    agent: {
      status: () => {
        throw new Error("nobody may see it");
      },
      resetAlarms: () => ({ resetCount: 0 }),
      forgetSeries: () => ({ forgottenCount: 1 }),
      maintenance: { begin: () => true, end: () => true },
      checkLabels: () => ({ problem: null, seriesCount: 1 }),
      ...agent,
    },
    inputs: [],
    metrics: new Metrics(),
    health: new Health(),
    ...options,
  });
}

test("a request for another host is refused before anything is done", async () => {
  let resetCount = 0;
  const server = await serverOf(
    { resetAlarms: () => ({ resetCount: (resetCount += 1) }) },
    { allowedHosts: ["gateway.plant.local"] },
  );
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

test("maintenance is begun and ended by labels; what is not sound is refused", async () => {
  const asked: unknown[] = [];
  const server = await serverOf({
    checkLabels: ({ mchine }) => ({
      problem: mchine === undefined ? null : "no metric has a label mchine; did you mean machine?",
      seriesCount: 2,
    }),
    maintenance: {
      begin: (...all) => asked.push(all) > 0,
      end: (...all) => asked.push(all) > 2,
    },
  });
  const post = async (path: string, body: unknown) => {
    const response = await fetch(`http://127.0.0.1:${server.port}/maintenance/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return [response.status, await response.json()];
  };
  const labels = { machine: "m1" };
  expect(await post("../series/forget", { labels })).toEqual([200, { forgottenCount: 1 }]);
  expect((await post("../series/forget", { labels: {} }))[0]).toBe(400);
  const wrong = { labels: { mchine: "m1" }, durationMs: 1_000 };
  const error = "no metric has a label mchine; did you mean machine?";
  expect(await post("on", wrong)).toEqual([400, { error }]);
  expect(await post("../series/forget", wrong)).toEqual([400, { error }]);
  expect(await post("on", { labels, durationMs: 1_000 })).toEqual([
    200,
    { isChanged: true, reason: "", seriesCount: 2 },
  ]);
  expect(await post("off", { labels })).toEqual([200, { isChanged: false, reason: expect.any(String) }]);
  expect(await post("off", { all: true })).toEqual([200, { isChanged: true, reason: "" }]);
  for (const durationMs of [0, -1, 32 * 86_400_000, "1h", undefined])
    expect((await post("on", { labels, durationMs }))[0]).toBe(400);
  for (const wrong of [undefined, { machine: 1 }, [], "m1"])
    expect((await post("off", { labels: wrong }))[0]).toBe(400);
  expect(asked).toEqual([
    [labels, 1_000, "status page"],
    [labels, "status page"],
    ["all", "status page"],
  ]);
  await server.stop();
});

test("a maintenance of nothing begins only where that is wanted, and who asked by a command is known", async () => {
  const asked: unknown[] = [];
  const server = await serverOf({
    checkLabels: () => ({ problem: null, seriesCount: 0 }),
    maintenance: { begin: (...all) => asked.push(all) > 0, end: () => true },
  });
  const post = async (body: unknown): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${server.port}/maintenance/on`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return response.json();
  };
  const labels = { machine: "m1" };
  const none = { isChanged: false, reason: expect.stringContaining("no series"), seriesCount: 0 };
  expect(await post({ labels, durationMs: 1_000, user: "anna" })).toEqual(none);
  expect(asked).toEqual([]);
  const begun = { isChanged: true, reason: "", seriesCount: 0 };
  expect(await post({ labels, durationMs: 1_000, user: "anna\u202e", isNoneAllowed: true })).toEqual(begun);
  // Everything at this agent: there is no slip of the pen in it.
  expect(await post({ labels: {}, durationMs: 1_000 })).toEqual(begun);
  expect(asked).toEqual([
    [labels, 1_000, "command line: anna·"],
    [{}, 1_000, "status page"],
  ]);
  await server.stop();
});

test("nothing is changed for a page of another origin, nor by a body that such a page could send unasked", async () => {
  const done: string[] = [];
  const note = (what: string) => done.push(what) > 0;
  const agent = {
    resetAlarms: () => ({ resetCount: Number(note("reset")) }),
    forgetSeries: () => ({ forgottenCount: Number(note("forget")) }),
    maintenance: { begin: () => note("begin"), end: () => note("end") },
  };
  const reloader = {
    reload: async () => {
      note("reload");
      return { outcome: "unchanged", version: "", detail: "" } as const;
    },
  };
  const server = await serverOf(agent, { reloader });
  const url = `http://127.0.0.1:${server.port}`;
  const labels = { machine: "m1" };
  const bodies: Record<string, object> = {
    "alarms/reset": { all: true },
    "maintenance/on": { labels, durationMs: 1_000 },
    "maintenance/off": { all: true },
    "series/forget": { labels },
    reload: {},
  };
  const post = async (path: string, headers: Record<string, string>) => {
    const body = new TextEncoder().encode(JSON.stringify(bodies[path]));
    const response = await fetch(`${url}/${path}`, { method: "POST", headers, body });
    await response.arrayBuffer();
    return response.status;
  };
  const json = { "content-type": "application/json; charset=utf-8" };
  for (const path of Object.keys(bodies)) {
    for (const origin of ["http://evil.example", "null", `http://127.0.0.1:${server.port + 1}`])
      expect(await post(path, { ...json, origin })).toBe(403);
    for (const contentType of ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
      expect(await post(path, { "content-type": contentType })).toBe(415);
    expect(await post(path, {})).toBe(415);
  }
  expect((await fetch(`${url}/reload`, { method: "POST" })).status).toBe(415);
  expect(done).toEqual([]);
  for (const path of Object.keys(bodies)) expect(await post(path, { ...json, origin: url })).toBe(200);
  expect(done).toEqual(["reset", "begin", "end", "forget", "reload"]);
  await server.stop();
});
