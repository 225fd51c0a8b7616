// Shows central whole, as a process runs it: an agent's batch over MQTT into LevelDB and out of the API, over a restart.
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import type { CentralConfig, Pipeline } from "@millrace/config";
import { LevelStore } from "@millrace/queue";
import { type Logger, MemoryLogger, secretDigest, silentLogger } from "@millrace/runtime";
import { downTopic, upTopic } from "@millrace/wire";
import type { AgentConnection, DownTopic } from "@millrace/wire";
import { afterEach, expect, test, vi } from "vitest";
import { folderAssets } from "./api/assets.ts";
import { describedFetch as fetch } from "./api/described-fetch.test-support.ts";
import { OPENAPI } from "./api/openapi.ts";
import { CentralService } from "./central-service.ts";
import { CENTRAL_STORE_FORMAT } from "./state/central-state.ts";
import { ScriptedAgent } from "./scripted-agent.test-support.ts";
import { METRIC, WINDOW } from "./seconds.test-support.ts";

const KEPT = { retainMs: 86_400_000, bytesMax: 2 ** 30 };

const PIPELINE: Pipeline = {
  path: "pipeline.yaml",
  metrics: [METRIC],
  windows: [WINDOW],
  rules: [],
  recordRules: [],
  distinctRules: [],
  windowRules: [],
  evidence: [],
  maintenance: null,
  labelNames: [],
};

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-central-"));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function configOf(folder: string): CentralConfig {
  const address = { host: "127.0.0.1", port: 0 };
  return {
    path: "central.yaml",
    dataFolder: folder,
    pipelinePath: "pipeline.yaml",
    intake: { mqtt: { ...address, tls: null }, broker: null, kafka: null },
    agents: [{ id: "alpha-1", site: "alpha", password: "secret" }],
    http: { ...address, allowedHosts: [], isControlAllowed: true, users: [], tokens: [], tls: null },
    windows: { graceMs: 2_000, retainMs: 86_400_000 },
    history: { "1s": KEPT, "10s": KEPT, "1m": KEPT, "1h": KEPT, "1d": KEPT },
    evidence: { bytesMax: 2 ** 30, retainMs: 86_400_000, unfinishedMs: 86_400_000 },
    quarantine: { bytesMax: 2 ** 20, retainMs: 86_400_000 },
    records: [],
    sinks: { redis: null, kafka: null, file: null, prometheus: null, webhook: null },
    limits: { ruleGroupsMax: 20_000 },
    silentAfterMs: 3_000,
    logLevel: "error",
  };
}

function openStore(folder: string): Promise<LevelStore> {
  const path = join(folder, "store");
  return LevelStore.open({ path, kind: "central", version: CENTRAL_STORE_FORMAT, pid: process.pid });
}

async function startService(folder: string, config = configOf(folder)): Promise<CentralService> {
  return serviceOn(await openStore(folder), config);
}

async function serviceOn(
  store: LevelStore,
  config: CentralConfig,
  log: Logger = silentLogger,
): Promise<CentralService> {
  const service = await CentralService.start({
    config,
    pipeline: PIPELINE,
    store,
    assets: folderAssets("/nowhere"),
    log,
    onFailed: (error) => {
      throw error;
    },
  });
  ends.push(() => service.stop("the test ends"));
  return service;
}

/** A scripted agent whose messages travel over MQTT. */
async function connectAgent(
  service: CentralService,
): Promise<{ agent: ScriptedAgent; until(condition: () => boolean): Promise<void> }> {
  const client = await connectAsync(`mqtt://127.0.0.1:${service.intakePort}`, {
    username: "alpha-1",
    password: "secret",
    reconnectPeriod: 0,
  });
  ends.push(() => client.endAsync(true));
  await client.subscribeAsync(["welcome", "ack", "echo"].map((topic) => `millrace/v1/alpha-1/${topic}`));
  let connection: AgentConnection | undefined;
  const agent = new ScriptedAgent(
    {
      onOpen: (opened) => (connection = opened),
      onMessage: (_connection, topic, payload) =>
        void client.publish(upTopic("alpha-1", topic), Buffer.from(payload)),
      onClose: () => client.end(),
    },
    Date.now,
  );
  let waiting: (() => void)[] = [];
  client.on("message", (topic, payload) => {
    for (const name of ["welcome", "ack", "echo"] satisfies DownTopic[]) {
      if (topic === downTopic("alpha-1", name)) connection?.send(name, payload);
    }
    const woken = waiting;
    waiting = [];
    for (const resolve of woken) resolve();
  });
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return { agent, until };
}

test("a batch that was acknowledged is in the API, and still is after a restart", async () => {
  const folder = temporaryFolder();
  const first = await startService(folder);
  const connected = await connectAgent(first);
  const { agent } = connected;
  agent.hello();
  await connected.until(() => agent.welcome !== undefined);
  const timeMs = Math.floor(Date.now() / 1_000) * 1_000 - 10_000;
  agent.panes(1, timeMs, { value: 21.5, frontier: { number: 1, watermarkMs: timeMs + 5_000 } });
  await connected.until(() => agent.acks.live === 1);
  expect(await first.stop("a restart")).toBe(true);
  const second = await startService(folder);
  const url = `http://127.0.0.1:${second.apiPort}`;
  expect(await (await fetch(`${url}/api/v1/ledger`)).json()).toMatchObject({
    sum: { received: 1, merged: 1, tooLate: 0 },
  });
  expect(await (await fetch(`${url}/api/v1/windows?window=t_1s&site=alpha`)).json()).toMatchObject({
    windows: [{ startMs: timeMs, values: { count: 1, mean: 21.5 }, group: { site: "alpha" } }],
  });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toContain('millrace_central_readings_total{agent="alpha-1",outcome="merged"} 1');
  expect(metrics).toContain('millrace_central_metric_too_late_total{stream="",metric="t"} 0');
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  for (const [path, operations] of Object.entries(OPENAPI.paths)) {
    if (operations["get"] === undefined || path.includes("{") || path === "/api/v1/stream") continue;
    const queries: Record<string, string> = {
      "/api/v1/series": "metric=t&from=0",
      "/api/v1/windows": "window=t_1s",
    };
    const query = queries[path] ?? "";
    expect([path, (await fetch(`${url}${path}?${query}`)).status]).toEqual([path, 200]);
  }
});

test("damage that shows only while the state is read is mended, and told: alarm, windows, files kept aside", async () => {
  const folder = temporaryFolder();
  const first = await startService(folder);
  const connected = await connectAgent(first);
  connected.agent.hello();
  await connected.until(() => connected.agent.welcome !== undefined);
  const timeMs = Math.floor(Date.now() / 1_000) * 1_000 - 10_000;
  connected.agent.panes(1, timeMs, { value: 21.5, frontier: { number: 1, watermarkMs: timeMs + 500 } });
  await connected.until(() => connected.agent.acks.live === 1);
  await first.stop("a restart");
  const store = await openStore(folder);
  // Before and behind all that is read at a start.
  for (const prefix of ["#", "z"]) {
    const value = new Uint8Array(1_000).map((_, at) => (at * at * 31) % 251);
    const changes = Array.from({ length: 100 }, (_, at) => ({
      type: "put" as const,
      key: new TextEncoder().encode(`${prefix}${at}`),
      value,
    }));
    await store.commit(changes, { isSync: true });
  }
  await store.compact(Uint8Array.of(0), Uint8Array.of(255));
  await store.close();
  const again = await openStore(folder);
  expect(again).toMatchObject({ opened: "clean", hasLostCommits: false });
  const tables = readdirSync(again.path).filter((name) => name.endsWith(".ldb"));
  expect(tables).not.toEqual([]);
  for (const name of tables) {
    const { size } = statSync(join(again.path, name));
    const file = openSync(join(again.path, name), "r+");
    // What is read lies in the middle; no block ends so: LevelDB can tell.
    writeSync(file, new Uint8Array(size >> 1).fill(0xff), 0, size >> 1, size >> 2);
    closeSync(file);
  }
  const log = new MemoryLogger();
  const second = await serviceOn(again, configOf(folder), log);
  const url = `http://127.0.0.1:${second.apiPort}`;
  await vi.waitFor(async () => {
    const { alarms } = JSON.parse(await (await fetch(`${url}/api/v1/alarms`)).text());
    expect(alarms).toContainEqual(
      expect.objectContaining({
        rule: "store_damaged",
        isActive: true,
        message: expect.stringContaining("mended"),
      }),
    );
  }, 10_000);
  expect(log.messages("error").join("\n")).toContain("central's store was damaged");
  expect(readdirSync(folder).some((name) => name.startsWith("store.corrupt-"))).toBe(true);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  await second.stop("a restart");
  const third = await openStore(folder);
  expect(third).toMatchObject({ opened: "clean", hasLostCommits: false });
  await third.close();
});

test("a second central on the same store or port is refused plainly, and leaves the store free", async () => {
  const folder = temporaryFolder();
  const service = await startService(folder);
  await expect(startService(folder)).rejects.toMatchObject({ code: "store_locked" });
  const other = temporaryFolder();
  const taken = {
    ...configOf(other),
    intake: { mqtt: { host: "127.0.0.1", port: service.intakePort, tls: null }, broker: null, kafka: null },
  };
  await expect(startService(other, taken)).rejects.toMatchObject({ code: "port_in_use" });
  await startService(other);
});

test("a second central that cannot start has not shut the first one out of their Redis", async () => {
  const first = await startService(temporaryFolder());
  let clientCount = 0;
  const redis = createServer((socket) => {
    clientCount += 1;
    socket.destroy();
  });
  const port = await new Promise<number>((resolve) =>
    redis.listen(0, "127.0.0.1", () => {
      const address = redis.address();
      resolve(typeof address === "object" ? (address?.port ?? 0) : 0);
    }),
  );
  ends.push(() => redis.close());
  const config = configOf(temporaryFolder());
  const { sinks, intake } = config;
  const second = {
    ...config,
    intake: { ...intake, mqtt: { ...intake.mqtt, port: first.intakePort } },
    sinks: {
      ...sinks,
      redis: {
        url: `redis://127.0.0.1:${port}`,
        username: null,
        password: null,
        tls: null,
        prefix: "order_monitor",
        retentionMs: 86_400_000,
        windows: null,
      },
    },
  };
  await expect(startService(config.dataFolder, second)).rejects.toMatchObject({ code: "port_in_use" });
  expect(clientCount).toBe(0);
});

test("a broker of others that refuses central, or is away, is named where it is asked whether it takes data", async () => {
  // MQTT 5, 3.2: CONNACK, reason 0x87, not authorized.
  const broker = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(Uint8Array.of(0x20, 3, 0, 0x87, 0)));
  });
  await new Promise<void>((resolve) => void broker.listen(0, "127.0.0.1", resolve));
  const address = broker.address();
  const url = `mqtt://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  const [username, password] = ["central", "wrong"];
  const config = configOf(temporaryFolder());
  const login = { username, password, ca: null, cert: null, key: null };
  const { apiPort } = await startService(config.dataFolder, {
    ...config,
    intake: { ...config.intake, broker: { url, group: "central", clientId: "central", ...login } },
  });
  const ready = async () => {
    const answer = await fetch(`http://127.0.0.1:${apiPort}/readyz`);
    return `${answer.status} ${await answer.text()}`;
  };
  await vi.waitFor(async () => expect(await ready()).toMatch(/^503 .*the broker mqtt:.*Not authorized/));
  expect((await fetch(`http://127.0.0.1:${apiPort}/healthz`)).status).toBe(200);
  await new Promise((resolve) => broker.close(resolve));
  await vi.waitFor(async () => expect(await ready()).toMatch(/^503 .*ECONNREFUSED/), { timeout: 15_000 });
});

test("other agents, users and tokens are taken over while it runs; what waits for the next start is named", async () => {
  const folder = temporaryFolder();
  const service = await startService(folder);
  const url = `http://127.0.0.1:${service.apiPort}`;
  const { agent, until } = await connectAgent(service);
  agent.hello();
  await until(() => agent.welcome !== undefined);
  const config = configOf(folder);
  const agents = [...config.agents, { id: "beta-1", site: "beta", password: "other" }];
  const other = { ...PIPELINE, windows: [] };
  expect(await service.reload({ ...config, agents, silentAfterMs: 9_000, logLevel: "debug" }, other)).toEqual(
    ["silentAfter", "logLevel", "pipeline"],
  );
  const views: { agents: unknown[] } = JSON.parse(await (await fetch(`${url}/api/v1/agents`)).text());
  expect(views.agents).toMatchObject([
    { agent: "alpha-1", state: "connected" },
    { agent: "beta-1", site: "beta", state: "never_seen" },
  ]);
  const token = { name: "t", hash: secretDigest("secret").toString("hex"), role: "read" as const };
  expect(
    await service.reload({ ...config, agents, http: { ...config.http, tokens: [token] } }, PIPELINE),
  ).toEqual([]);
  expect((await fetch(`${url}/api/v1/agents`)).status).toBe(401);
  const headers = { authorization: "Bearer secret" };
  // Moved to another site: it is expected there from now on, and has to connect again to say so itself.
  const moved = [{ id: "alpha-1", site: "gamma", password: "secret" }];
  await service.reload({ ...config, agents: moved }, PIPELINE);
  const sites: { agents: unknown[] } = JSON.parse(
    await (await fetch(`${url}/api/v1/agents`, { headers })).text(),
  );
  expect(sites.agents).toMatchObject([{ agent: "alpha-1", site: "gamma" }, { agent: "beta-1" }]);
});

test("an API that is open to the network keeps its login: a reload judges by the address that is listened on", async () => {
  const folder = temporaryFolder();
  const config = configOf(folder);
  const token = { name: "t", hash: secretDigest("secret").toString("hex"), role: "read" as const };
  const service = await startService(folder, {
    ...config,
    http: { ...config.http, host: "0.0.0.0", tokens: [token] },
  });
  const agents = [...config.agents, { id: "beta-1", site: "beta", password: "other" }];
  // On loopback, as the file now says, nobody would need a login.
  await expect(service.reload({ ...config, agents }, PIPELINE)).rejects.toMatchObject({
    code: "reload_refused",
  });
  const url = `http://127.0.0.1:${service.apiPort}/api/v1/agents`;
  expect((await fetch(url)).status).toBe(401);
  const answer = await fetch(url, { headers: { authorization: "Bearer secret" } });
  expect(await answer.json()).toMatchObject({ agents: [{ agent: "alpha-1" }] });
});
