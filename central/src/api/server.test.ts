// Shows the API, the dashboard's stream and its files over real sockets, against a core that says fixed things.
import { createHash } from "node:crypto";
import { request } from "node:http";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import {
  MemoryLogger,
  Metrics,
  OPEN_METRICS_TYPE,
  passwordHash,
  silentLogger,
  systemClock,
  systemRandom,
} from "@millrace/runtime";
import type { Clock } from "@millrace/runtime";
import { seriesKey, windowKeyRange } from "@millrace/stream";
import type { WindowResult } from "@millrace/stream";
import { SimulatedTime, TEST_CERTIFICATES } from "@millrace/testkit";
import { LABEL_LENGTH_MAX } from "@millrace/wire";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import type { Leaving } from "../agents/agent-registry.ts";
import type { AgentView } from "../agents/agent-view.ts";
import { NotReady } from "../commit/not-ready.ts";
import { folderAssets } from "./assets.ts";
import { Access, LOGIN_FAILURES_MAX, SESSION_MS } from "./access.ts";
import type { CentralChange, CentralReader, ResetOutcome, WindowQuery } from "./central-reader.ts";
import { FRAME_INTERVAL_MS, HEARTBEAT_INTERVAL_MS, RESUME_MS, WINDOWS_WAITING_MAX } from "./event-stream.ts";
import { GzipPacker } from "./gzip-packer.ts";
import { describedFetch as fetch } from "./described-fetch.test-support.ts";
import { OPENAPI } from "./openapi.ts";
import type { AlarmView } from "../alarms/alarm-view.ts";
import { evidencePage } from "../evidence/evidence-query.ts";
import type { EvidenceQuery } from "../evidence/evidence-query.ts";
import type { EvidenceView } from "../evidence/evidence-view.ts";
import type { QuarantineFilter } from "../ledger/quarantine.ts";
import type { SeriesPage, SeriesQuery } from "../history/series-page.ts";
import type { SeriesRefusal } from "../history/series-reader.ts";
import { REQUESTS_PER_CLIENT_MAX } from "./requests-in-work.ts";
import { ApiServer } from "./server.ts";
import type { ApiServerOptions } from "./server.ts";

const SERIES: SeriesPage = {
  metric: "t",
  by: ["site"],
  stepMs: 60_000,
  level: "1m",
  keptFromMs: null,
  pendingFromMs: null,
  series: [{ labels: { site: "北京" }, startMs: [0], values: { max: [3], mean: [null] } }],
  cursor: '["北京"]',
};

/** The last of a page of windows. */
const PLACE = `${windowKeyRange("w", 1_000, 2_000).from}|["alpha"]`;
const CURSOR = Buffer.from(PLACE).toString("base64url");

const LATE = {
  number: 7,
  window: "w",
  group: {},
  startMs: 0,
  endMs: 60_000,
  reason: "after_complete" as const,
  readings: 3,
  lateMs: 5_000,
  agent: "alpha-1",
  atMs: 65_000,
};

/** Newest first. */
const QUARANTINE = [3, 2, 1].map((number) => ({
  number,
  atMs: 5,
  agent: "alpha-1",
  topic: "batch",
  reason: "oversized" as const,
  detail: "too large",
  byteCount: 9,
  head: "AA==",
}));

class FixedReader implements CentralReader {
  readonly queries: WindowQuery[] = [];
  readonly retired: unknown[] = [];
  readonly resets: string[][] = [];
  resetOutcome: ResetOutcome = "done";
  readonly pushes: unknown[] = [];
  readonly seriesQueries: SeriesQuery[] = [];
  seriesPage = SERIES;
  readonly backupBytes = Uint8Array.of(1, 2, 3);
  backupGate: Promise<void> = Promise.resolve();
  isReady = true;
  #listeners = new Set<(change: CentralChange) => void>();

  agentList: AgentView[] = [AGENT];
  agents(): AgentView[] {
    return this.agentList;
  }
  alarms(): AlarmView[] {
    return this.alarmList;
  }
  ledger() {
    return new Map();
  }
  ledgerSum() {
    return { received: 3, merged: 2, tooLate: 1 };
  }
  pipeline() {
    const lengths = { sizeMs: 1_000, slideMs: 1_000, offsetMs: 0, latenessMs: 60_000 };
    return {
      metrics: [],
      rules: [],
      windows: [{ name: "w", metric: "m", kind: "aligned" as const, ...lengths, by: ["site"] }],
    };
  }
  async windows(query: WindowQuery) {
    this.queries.push(query);
    return { windows: [window(1)], cursor: PLACE };
  }
  async series(query: SeriesQuery): Promise<SeriesPage | SeriesRefusal> {
    this.seriesQueries.push(query);
    if (query.metric !== "t")
      return { reason: "unknown_metric", detail: `nothing is kept of ${query.metric}` };
    return this.seriesPage;
  }
  async *backup() {
    yield this.backupBytes.subarray(0, 1);
    await this.backupGate;
    yield this.backupBytes.subarray(1);
  }
  async latestWindows() {
    return { windows: [window(1)], searchedAfterMs: { w: 0 } };
  }
  recentWindows() {
    return [window(1)];
  }
  async quarantine(limit: number, { before = Infinity, agent, reason }: QuarantineFilter = {}) {
    return QUARANTINE.filter(
      (entry) =>
        entry.number < before &&
        (agent ?? entry.agent) === entry.agent &&
        (reason ?? entry.reason) === entry.reason,
    ).slice(0, limit);
  }

  quarantineCounts({ agent }: QuarantineFilter = {}) {
    const entries = QUARANTINE.filter((entry) => (agent ?? entry.agent) === entry.agent).length;
    return {
      taken: 9,
      kept: { entries, bytes: entries * 1_024 },
      dropped: { flood: 5, room: 1, age: 0 },
    };
  }
  evidence(query: EvidenceQuery) {
    return evidencePage(EVIDENCE, query);
  }
  evidenceOf(id: string): EvidenceView | null {
    return EVIDENCE.find((view) => view.id === id) ?? null;
  }
  async *evidenceBytes(): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode("<script>");
    yield new TextEncoder().encode("</script>");
  }
  late(limit: number) {
    return limit > 0 ? [LATE] : [];
  }
  alarmList: AlarmView[] = [ALARM];
  async retire(leaving: Leaving) {
    this.retired.push(leaving);
    return ("site" in leaving ? leaving.site : leaving.agent).startsWith("alpha") ? 1 : 0;
  }
  async resetAlarm(agent: string, id: string, by: string) {
    this.resets.push([agent, id, by]);
    return this.resetOutcome;
  }
  async pushPipeline(agents: readonly string[], text: string, by: string) {
    this.pushes.push({ agents, text, by });
    return {
      version: "0123456789ab",
      agents: [{ agent: "alpha-1", outcome: "refused" as const, detail: "1:1" }],
    };
  }
  health() {
    return { isAlive: true, isReady: this.isReady, reason: "as set" };
  }
  subscribe(listener: (change: CentralChange) => void) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  change(change: Partial<CentralChange>): void {
    for (const listener of this.#listeners) listener({ agents: [], alarms: [], windows: [], ...change });
  }
}

const ALARM: AlarmView = {
  agent: "alpha-1",
  site: "alpha",
  receivedAtMs: 5,
  id: 'hot/{"machine":"m/1"}/1',
  step: 1,
  rule: "hot",
  metric: "t",
  labels: { machine: "m/1" },
  severity: 900,
  isActive: true,
  isLatched: false,
  isHistorical: false,
  activeAtMs: 4,
  clearedAtMs: null,
  timeMs: 4,
  value: 99,
  limit: 90,
  action: "none",
  command: null,
  message: "hot",
};

function evidence(number: number, changed: Partial<EvidenceView> = {}): EvidenceView {
  return {
    id: String(number).repeat(32),
    kind: "payload",
    name: "wave form",
    labels: { machine: "m1" },
    startMs: 1_000 * number,
    endMs: 1_000 * number,
    contentType: "text/html",
    sha256: "ab".repeat(32),
    bytes: 17,
    partBytes: 1_024,
    agent: "alpha-1",
    site: "alpha",
    state: "complete",
    parts: 1,
    partsHeld: 1,
    firstAtMs: 1,
    changedAtMs: 1,
    ...changed,
  };
}

/** The latest first. */
const EVIDENCE: readonly EvidenceView[] = [
  evidence(4, { state: "incomplete", parts: 3 }),
  evidence(3, { kind: "recording", alarm: ALARM.id, endMs: 4_500, labels: { machine: "m2" } }),
  evidence(2, { site: "beta", agent: "beta-1" }),
  evidence(1),
];

const AGENT: AgentView = {
  agent: "alpha-1",
  site: "alpha",
  state: "connected",
  lastSeenMs: 1,
  watermarkMs: null,
  isIdle: false,
  clockOffsetMs: 0,
  pending: [],
  status: {},
};

function window(revision: number): WindowResult {
  const completeness = {
    agentsExpected: 1,
    agentsReporting: 1,
    agentsMissing: [],
    sitesExpected: 1,
    sitesReporting: 1,
    sitesMissing: [],
  };
  const beside = { uncertain: 0, bad: 0, undeduplicated: 0 };
  return {
    window: "w",
    metric: "m",
    group: {},
    startMs: 0,
    endMs: 1_000,
    revision,
    state: "provisional",
    values: { count: revision },
    beside,
    completeness,
    updatedAtMs: 0,
  };
}

const OWN_TOKEN = "own";
const OWN = { authorization: `Bearer ${OWN_TOKEN}` };

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function access(options: Partial<ConstructorParameters<typeof Access>[0]> = {}): Access {
  return new Access({
    users: [],
    tokens: [],
    ownToken: OWN_TOKEN,
    clock: systemClock,
    random: systemRandom,
    ...options,
  });
}

async function listen(
  assets = folderAssets("/nowhere"),
  clock = systemClock,
  isControlAllowed = true,
  options: Partial<
    Pick<ApiServerOptions, "access" | "tls" | "log" | "requestTimeoutMs" | "windowGauges">
  > = {},
): Promise<{ server: ApiServer; reader: FixedReader; url: string }> {
  const reader = new FixedReader();
  const server = await ApiServer.listen({
    host: "127.0.0.1",
    port: 0,
    allowedHosts: ["central.plant.local"],
    isControlAllowed,
    reader,
    records: { recordStreams: () => [], offerRecords: () => null },
    sinks: () => [],
    assets,
    metrics: new Metrics(),
    refreshMetrics: () => {},
    windowGauges: options.windowGauges ?? (() => []),
    intakeObstacle: () => null,
    clock,
    random: systemRandom,
    access: options.access ?? access(),
    tls: options.tls ?? null,
    log: options.log ?? silentLogger,
    ...(options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs }),
  });
  ends.push(() => server.close());
  return { server, reader, url: `http://127.0.0.1:${server.port}` };
}

/** Reads frames of an event stream one after another. */
async function openStream(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ next(): Promise<{ event: string; id: string; data: Record<string, unknown> }> }> {
  const abort = new AbortController();
  ends.push(() => abort.abort());
  const response = await fetch(`${url}/api/v1/stream`, { signal: abort.signal, headers });
  expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    async next() {
      for (;;) {
        const end = text.indexOf("\n\n");
        if (end >= 0) {
          const lines = text.slice(0, end).split("\n");
          text = text.slice(end + 2);
          const event = lines.find((line) => line.startsWith("event: "))?.slice(7);
          const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
          const id = lines.find((line) => line.startsWith("id: "))?.slice(4) ?? "";
          if (event !== undefined && data !== undefined) return { event, id, data: JSON.parse(data) };
          continue;
        }
        const chunk = await reader?.read();
        if (chunk === undefined || chunk.done) throw new Error("the stream ended");
        text += chunk.value;
      }
    },
  };
}

async function codeOf(response: Response): Promise<unknown> {
  const body: unknown = await response.json();
  return typeof body === "object" && body !== null && "code" in body ? body.code : undefined;
}

test("every route is in the description and the other way round", async () => {
  const { server, url } = await listen();
  const described = Object.entries(OPENAPI.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect([...server.routes].sort()).toEqual(described.sort());
  expect(await (await fetch(`${url}/api/v1/openapi.json`)).json()).toEqual(
    JSON.parse(JSON.stringify(OPENAPI)),
  );
});

test("a windows query is read whole, labels too, and the cursor of its answer is that of the next", async () => {
  const { url, reader } = await listen();
  const response = await fetch(
    `${url}/api/v1/windows?window=w&from=1970-01-01T00:00:01Z&to=5000&limit=7&site=alpha&cursor=${CURSOR}`,
  );
  expect(await response.json()).toEqual({ windows: [window(1)], cursor: CURSOR });
  expect(reader.queries).toEqual([
    { window: "w", group: { site: "alpha" }, fromMs: 1_000, toMs: 5_000, limit: 7, cursor: PLACE },
  ]);
  await fetch(`${url}/api/v1/windows?window=w`);
  // A day that begins before 1970, in the zone of another.
  expect(reader.queries[1]?.fromMs).toBeLessThan(Date.UTC(1900, 0));
  expect((await fetch(`${url}/api/v1/windows?window=w&__proto__=x`)).status).toBe(400);
  expect(response.headers.get("content-security-policy")).toContain("default-src 'self'");
});

test("a series query is read whole, and the cursor of its answer is that of the next", async () => {
  const { url, reader } = await listen();
  const path =
    "/api/v1/series?metric=t&by=site&site=北京&from=1000&to=1970-01-01T01:00:00Z&step=1m&values=max,mean&limit=1";
  const answer = await (await fetch(url + path)).json();
  const cursor = Buffer.from('["北京"]').toString("base64url");
  expect(answer).toEqual({ ...SERIES, cursor });
  await fetch(`${url}/api/v1/series?metric=t&from=0&to=10&maxPoints=7&cursor=${cursor}`);
  const common = { metric: "t", by: ["site"], group: { site: "北京" }, fromMs: 1_000, toMs: 3_600_000 };
  expect(reader.seriesQueries).toEqual([
    { ...common, stepMs: 60_000, maxPoints: 1_000, values: ["max", "mean"], limit: 1, cursor: null },
    {
      metric: "t",
      by: null,
      group: {},
      fromMs: 0,
      toMs: 10,
      stepMs: null,
      maxPoints: 7,
      limit: 100,
      values: null,
      cursor: '["北京"]',
    },
  ]);
});

test("times of a query may be before now, by central's clock", async () => {
  const { url, reader } = await listen(undefined, new SimulatedTime(4_000).clock());
  await fetch(`${url}/api/v1/windows?window=w&from=-3s&to=now`);
  expect(reader.queries).toMatchObject([{ fromMs: 1_000, toMs: 4_000 }]);
  await fetch(`${url}/api/v1/series?metric=t&from=now-1h&to=-500ms`);
  expect(reader.seriesQueries).toMatchObject([{ fromMs: 4_000 - 3_600_000, toMs: 3_500 }]);
  const found = await (await fetch(`${url}/api/v1/evidence?from=-2s&to=now`)).json();
  expect(found).toMatchObject({ evidence: [{ startMs: 3_000 }, { startMs: 2_000 }] });
  const odd = await fetch(`${url}/api/v1/evidence?from=-2w`);
  expect([odd.status, await odd.json()]).toMatchObject([
    400,
    {
      detail:
        "from=-2w is neither milliseconds since 1970 nor an ISO 8601 time, nor one before now such as -15m",
    },
  ]);
});

test("a backup is sent as it is made, one at a time, and to no other page", async () => {
  const { url, reader } = await listen();
  const post = (headers: Record<string, string> = {}) =>
    fetch(`${url}/api/v1/backup`, { method: "POST", headers });
  expect(await codeOf(await post({ origin: "https://elsewhere.example" }))).toBe("foreign_origin");
  const gate = Promise.withResolvers<void>();
  reader.backupGate = gate.promise;
  const first = await post();
  expect(await codeOf(await post())).toBe("backup_runs");
  gate.resolve();
  expect(new Uint8Array(await first.arrayBuffer())).toEqual(reader.backupBytes);
  const aborted = new AbortController();
  const stuck = Promise.withResolvers<void>();
  reader.backupGate = stuck.promise;
  await fetch(`${url}/api/v1/backup`, { method: "POST", signal: aborted.signal });
  aborted.abort();
  stuck.resolve();
  let again = await post();
  // The connection's end is told a moment later.
  while (again.status === 409) again = await post();
  expect(again.status).toBe(200);
});

test("a number that cannot be is told by the name of its parameter, and two that exclude each other are", async () => {
  const { url } = await listen();
  const detail = async (query: string) => {
    const response = await fetch(`${url}/api/v1/series?metric=t&from=0&${query}`);
    return [response.status, ((await response.json()) as { detail: string }).detail];
  };
  expect(await detail("maxPoints=0")).toEqual([400, "maxPoints=0 is not a whole number from 1 to 100000"]);
  expect(await detail("limit=0")).toEqual([400, "limit=0 is not a whole number from 1 to 10000"]);
  expect(await detail("step=1m&maxPoints=5")).toEqual([
    400,
    "step=1m and maxPoints=5 cannot be asked for together: leave one of them out",
  ]);
});

test("what is wrong with a request is a problem with a code", async () => {
  const { url } = await listen();
  for (const [path, status, code] of [
    ["/api/v1/windows", 400, "bad_request"],
    ["/api/v1/windows?window=nope", 404, "unknown_window"],
    ["/api/v1/windows?window=w&limit=0", 400, "bad_request"],
    ["/api/v1/windows?window=w&limit=0x10", 400, "bad_request"],
    ["/api/v1/agents?limit=%2B5", 400, "bad_request"],
    ["/api/v1/quarantine?limit=1e1", 400, "bad_request"],
    ["/api/v1/alarms?limit=%2010", 400, "bad_request"],
    ["/api/v1/series?metric=t&from=0&maxPoints=1e3", 400, "bad_request"],
    ["/api/v1/windows?window=w&from=yesterday", 400, "bad_request"],
    ["/api/v1/windows?window=w&from=yesterday-1", 400, "bad_request"],
    ["/api/v1/windows?window=w&from=2026-12-01T00:00:00Z&to=2026-11-01T00:00:00Z", 400, "bad_request"],
    ["/api/v1/agents?site=mars", 404, "unknown_site"],
    ["/api/v1/windows?window=w&to=2026-02-30", 400, "bad_request"],
    ["/api/v1/windows?window=w&window=v", 400, "bad_request"],
    ["/api/v1/series?from=0", 400, "bad_request"],
    ["/api/v1/series?metric=t", 400, "bad_request"],
    ["/api/v1/series?metric=u&from=0", 404, "unknown_metric"],
    ["/api/v1/series?metric=t&from=5&to=5", 400, "bad_request"],
    ["/api/v1/series?metric=t&from=-9007199254740991", 400, "bad_request"],
    ["/api/v1/series?metric=t&from=0&step=0s", 400, "bad_request"],
    ["/api/v1/series?metric=t&from=0&step=soon", 400, "bad_request"],
    ["/api/v1/series?metric=t&from=0&maxPoints=100001", 400, "bad_request"],
    ["/api/v1/series?metric=t&metric=u&from=0", 400, "bad_request"],
    ["/api/v1/agents?limit=10001", 400, "bad_request"],
    ["/api/v1/agents?cursor=x", 400, "bad_request"],
    ["/api/v1/quarantine?cursor=x", 400, "bad_request"],
    ["/api/v1/windows?window=w&cursor=next", 400, "bad_request"],
    ["/api/v1/series?metric=t&from=0&cursor=next", 400, "bad_request"],
    ["/api/v1/series?metric=t&from=0&cursor=W10=", 400, "bad_request"],
    ["/api/v1/series?metric=t&from=0&values=", 400, "bad_request"],
    ["/api/v1/evidence?cursor=x", 400, "bad_request"],
    ["/api/v1/alarms?active=yes", 400, "bad_request"],
    ["/api/v1/nothing", 404, "not_found"],
    ["/../../etc/passwd", 404, "not_found"],
  ] as const) {
    const response = await fetch(url + path);
    expect([path, response.status, await codeOf(response)]).toEqual([path, status, code]);
    expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  }
});

test("names that mean nothing are told, with the one that was meant", async () => {
  const { url } = await listen();
  for (const [path, status, detail] of [
    ["windows?window=v", 404, "the pipeline has no window v; did you mean w?"],
    ["windows/latest?window=other", 404, "the pipeline has no window other; there are w"],
    [
      "windows?window=w&form=0",
      400,
      "form is no parameter here, and no label of window w (it has site); did you mean from?",
    ],
    [
      "windows?window=w&sit=a",
      400,
      "sit is no parameter here, and no label of window w (it has site); did you mean site?",
    ],
    [
      "windows?window=w&metric=m",
      400,
      "metric is no parameter here, and no label of window w (it has site); there are site, window, from, to, limit, cursor",
    ],
    ["alarms?limt=1", 400, "limt is no parameter here; did you mean limit?"],
    ["ledger?agent=a", 400, "agent is no parameter here; there are none"],
    ["agents?state=silent", 400, "state is no parameter here; there are site, limit, cursor"],
    ["quarantine?agent=alpha-2", 404, "central has not heard of alpha-2; did you mean alpha-1?"],
    [
      "quarantine?agent=mars",
      404,
      "central has not heard of mars; /api/v1/agents and /api/v1/records list who sends",
    ],
    ["evidence?agnt=a", 400, "agnt is no parameter here, and no label of any evidence; did you mean agent?"],
  ] as const) {
    const response = await fetch(`${url}/api/v1/${path}`);
    expect([path, response.status, await response.json()]).toMatchObject([path, status, { detail }]);
  }
  const posted = await fetch(`${url}/api/v1/sites/alpha/retire?dryRun=1`, { method: "POST" });
  expect(await codeOf(posted)).toBe("bad_request");
  expect((await fetch(`${url}/metrics?name[]=up`)).status).toBe(200);
  expect((await fetch(`${url}/healthz?verbose`)).status).toBe(200);
});

test("a cursor of another list is refused, and what to do is told", async () => {
  const { url } = await listen();
  const cursorOf = (place: string) => Buffer.from(place).toString("base64url");
  for (const [path, place] of [
    ["agents", '["a","b"]'],
    ["agents", "[7]"],
    ["alarms", '["a"]'],
    // As it was when alarms were sorted by what changes.
    ["alarms", '[0,-1000,-1000,"alpha-1","hot|m1"]'],
    ["windows?window=w", windowKeyRange("v", 0, 1).from],
    ["windows?window=w", "w|w|x"],
    ["series?metric=t&from=0", '{"a":1}'],
  ] as const) {
    const response = await fetch(
      `${url}/api/v1/${path}${path.includes("?") ? "&" : "?"}cursor=${cursorOf(place)}`,
    );
    expect(await response.json(), `${path} ${place}`).toMatchObject({
      status: 400,
      detail: expect.stringMatching(
        /^cursor=.* give what the answer before had as its cursor, to the same query, or leave it out to begin anew$/,
      ),
    });
  }
});

test("a site or an agent is retired by the own page and by programs, not by another page", async () => {
  const { url, reader } = await listen();
  const post = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/api/v1/${path}/retire`, { method: "POST", headers });
  for (const path of ["sites/alpha", "agents/alpha-1"])
    expect((await post(path, { origin: "http://evil.example" })).status).toBe(403);
  expect(reader.retired).toEqual([]);
  const answerOf = async (path: string) => (await post(path, { origin: url })).json();
  expect(await answerOf("sites/alpha")).toEqual({ site: "alpha", agentsRetired: 1 });
  expect(await answerOf("agents/alpha-1")).toEqual({ agent: "alpha-1", agentsRetired: 1 });
  expect(reader.retired).toEqual([{ site: "alpha" }, { agent: "alpha-1" }]);
  expect(await codeOf(await post("sites/nowhere"))).toBe("unknown_site");
  expect(await codeOf(await post("agents/nobody"))).toBe("unknown_agent");
});

test("an alarm is reset by the own page and by programs, and the answer says what became of it", async () => {
  const { url, reader } = await listen();
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${url}/api/v1/alarms/reset`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  const alarm = { agent: "alpha-1", id: "overheating|m1" };
  expect((await post(alarm, { origin: "http://evil.example" })).status).toBe(403);
  expect((await post({ agent: "alpha-1" })).status).toBe(400);
  expect((await post({ ...alarm, id: "x".repeat(2_000) })).status).toBe(400);
  expect(reader.resets).toEqual([]);
  expect((await post(alarm, { origin: url })).status).toBe(200);
  expect((await post(alarm)).status).toBe(200);
  expect(reader.resets).toEqual([
    ["alpha-1", "overheating|m1", "page"],
    ["alpha-1", "overheating|m1", "API"],
  ]);
  for (const [outcome, status, code] of [
    ["condition_holds", 409, "condition_holds"],
    ["no_such_alarm", 404, "unknown_alarm"],
    ["agent_away", 503, "agent_away"],
    ["too_many", 503, "agent_busy"],
    ["no_answer", 504, "no_answer"],
    ["not_understood", 504, "no_answer"],
  ] as const) {
    reader.resetOutcome = outcome;
    const response = await post(alarm);
    expect([outcome, response.status, await codeOf(response)]).toEqual([outcome, status, code]);
  }
});

test("an alarm of an agent that is not known is none to be reset, and the nearest name is told", async () => {
  const { url, reader } = await listen();
  const reset = async (agent: string) => {
    const response = await fetch(`${url}/api/v1/alarms/reset`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ agent, id: "a" }),
    });
    const { code, detail } = (await response.json()) as { code: string; detail: string };
    return [response.status, code, detail];
  };
  const unknown = (text: string) => [404, "unknown_agent", text];
  expect(await reset("alpha1")).toEqual(unknown("central knows no agent alpha1; did you mean alpha-1?"));
  expect((await reset("zz"))[2]).toBe("central knows no agent zz; /api/v1/agents lists them");
  expect(reader.resets).toEqual([]);
});

test("a key of a body that is not known is refused with the nearest one, and so is one where nothing is to be said", async () => {
  const { url, reader } = await listen();
  const post = async (path: string, body: unknown) => {
    const response = await fetch(`${url}/api/v1/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return [response.status, ((await response.json()) as { detail: string }).detail];
  };
  expect(await post("alarms/reset", { agent: "alpha-1", id: "a", idd: "b" })).toEqual([
    400,
    "idd is no key of this body; did you mean id?",
  ]);
  expect(await post("pipeline", { agent: "alpha-1", pipelin: "" })).toEqual([
    400,
    "pipelin is no key of this body; did you mean pipeline?",
  ]);
  expect(await post("session", { user: "a", password: "b", otp: "c" })).toEqual([
    400,
    "otp is no key of this body; there are user, password",
  ]);
  expect(await post("backup", { file: "x" })).toEqual([400, "file is no key of this body; there are none"]);
  expect(await post("agents/alpha-1/retire", { at: 0 })).toEqual([
    400,
    "at is no key of this body; there are none",
  ]);
  expect([reader.resets, reader.retired]).toEqual([[], []]);
});

test("an alarm of central's own is shown and reset by its id, however long its labels make it", async () => {
  const { url, reader } = await listen();
  // As rules on windows make it: of four labels, and of as many as a reading may have.
  for (const labelCount of [4, 64]) {
    const labels = Object.fromEntries(
      Array.from({ length: labelCount }, (_, at) => [`label_${at}`, "长".repeat(LABEL_LENGTH_MAX)]),
    );
    const id = `too_hot:${seriesKey("temperature_1m", labels)}:1700000000000`;
    reader.alarmList = [{ ...ALARM, agent: "", id, isLatched: true }];
    const reset = await fetch(`${url}/api/v1/alarms/reset`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ agent: "", id }),
    });
    expect([labelCount, reset.status]).toEqual([labelCount, 200]);
    expect(reader.resets.pop()?.[1]).toBe(id);
    // A request's line is shorter than its body may be.
    if (labelCount > 4) continue;
    const shown = await fetch(`${url}/api/v1/alarms/${encodeURIComponent(id)}`);
    expect(await shown.json()).toMatchObject({ alarms: [{ id }] });
  }
});

test("where control is off no page resets an alarm, and the page is told so", async () => {
  const { url, reader } = await listen(undefined, systemClock, false);
  const response = await fetch(`${url}/api/v1/alarms/reset`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url },
    body: JSON.stringify({ agent: "alpha-1", id: "a" }),
  });
  expect([response.status, await codeOf(response)]).toEqual([403, "control_off"]);
  expect(reader.resets).toEqual([]);
  expect((await (await openStream(url)).next()).data).toMatchObject({ isControlAllowed: false });
});

test("where control is off only the commands on this machine change anything: a proxy there is told from them", async () => {
  const { url, reader } = await listen(undefined, systemClock, false);
  const retire = (headers: Record<string, string> = {}) =>
    fetch(`${url}/api/v1/sites/alpha/retire`, { method: "POST", headers });
  // The last: a proxy that adds no header.
  const foreign: Record<string, string>[] = [
    { origin: url },
    { "x-forwarded-for": "192.0.2.9" },
    { authorization: "Bearer guessed" },
    {},
  ];
  for (const headers of foreign) {
    const response = await retire(headers);
    expect([response.status, await codeOf(response)]).toEqual([403, "control_off"]);
  }
  expect(reader.retired).toEqual([]);
  expect((await retire(OWN)).status).toBe(200);
  expect(reader.retired).toEqual([{ site: "alpha" }]);
});

test("a pipeline is pushed to an agent or to a site; what became of it at each is answered", async () => {
  const { url, reader } = await listen(undefined, systemClock, false);
  const push = (body: object, headers: Record<string, string> = {}) =>
    fetch(`${url}/api/v1/pipeline`, {
      method: "POST",
      headers: { ...OWN, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  const text = "x".repeat(1_000_000);
  const answer = await push({ pipeline: text, site: "alpha" });
  expect([answer.status, await answer.json()]).toEqual([
    200,
    { version: "0123456789ab", agents: [{ agent: "alpha-1", outcome: "refused", detail: "1:1" }] },
  ]);
  expect((await push({ pipeline: "y", agent: "alpha-1" })).status).toBe(200);
  expect(reader.pushes).toEqual([
    { agents: ["alpha-1"], text, by: "this machine" },
    { agents: ["alpha-1"], text: "y", by: "this machine" },
  ]);
  for (const [body, status, code] of [
    [{ pipeline: "y", site: "beta" }, 404, "unknown_agent"],
    [{ pipeline: "y" }, 400, "bad_request"],
    [{ pipeline: "y", site: "alpha", agent: "alpha-1" }, 400, "bad_request"],
    [{ site: "alpha" }, 400, "bad_request"],
  ] as const) {
    const response = await push(body);
    expect([body, response.status, await codeOf(response)]).toEqual([body, status, code]);
  }
  const proxied = await push({ pipeline: "y", site: "alpha" }, { authorization: "" });
  expect([proxied.status, await codeOf(proxied)]).toEqual([403, "control_off"]);
  expect(reader.pushes).toHaveLength(2);
});

test("paths that are none are not found or not understood, as problems", async () => {
  const { server } = await listen();
  const ask = (path: string) =>
    new Promise<[number | undefined, string | undefined]>((resolve, reject) => {
      request({ port: server.port, path }, (response) => {
        response.destroy();
        resolve([response.statusCode, response.headers["content-type"]]);
      })
        .on("error", reject)
        .end();
    });
  const type = "application/problem+json; charset=utf-8";
  for (const path of ["//", "//?a", "/nothing", "///x"])
    expect([path, ...(await ask(path))]).toEqual([path, 404, type]);
  for (const path of ["/%", "/%ff", "/api/v1/%zz"])
    expect([path, ...(await ask(path))]).toEqual([path, 400, type]);
});

test("a request by a name that only points here is refused: pages, streams and changes alike", async () => {
  const { server, reader } = await listen();
  const ask = (method: string, path: string, host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      request({ port: server.port, path, method, headers: { host } }, (response) => {
        response.destroy();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
  for (const path of ["/", "/api/v1/windows?window=w", "/api/v1/stream", "/metrics"])
    expect([path, await ask("GET", path, "evil.example:8080")]).toEqual([path, 421]);
  expect(await ask("POST", "/api/v1/sites/alpha/retire", "evil.example")).toBe(421);
  expect(reader.retired).toEqual([]);
  for (const host of [`localhost:${server.port}`, "[::1]", "central.plant.local"])
    expect([host, await ask("GET", "/healthz", host)]).toEqual([host, 200]);
});

test("health, readiness and metrics answer", async () => {
  const { url, reader } = await listen();
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  reader.isReady = false;
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  expect((await fetch(`${url}/metrics`)).headers.get("content-type")).toMatch(/^text\/plain/);
});

test("what fails while central is not ready may come again, and the log says what it was", async () => {
  const log = new MemoryLogger();
  const { url, reader } = await listen(undefined, systemClock, true, { log });
  reader.windows = async () => {
    throw new TypeError("x is not a function");
  };
  const ask = async () => codeOf(await fetch(`${url}/api/v1/windows?window=w`));
  expect(await ask()).toBe("internal");
  reader.isReady = false;
  expect(await ask()).toBe("not_ready");
  reader.windows = () => Promise.reject(new NotReady("central stops"));
  expect(await ask()).toBe("not_ready");
  expect(log.lines.map(({ level, fields }) => [level, fields])).toEqual([
    ["error", { reason: "x is not a function" }],
    ["warn", { reason: "x is not a function" }],
  ]);
});

test("the stream begins with a snapshot and goes on with coalesced deltas, numbered without gaps", async () => {
  const { url, reader, server } = await listen();
  const stream = await openStream(url);
  const snapshot = await stream.next();
  expect(snapshot.event).toBe("snapshot");
  expect(snapshot.data).toMatchObject({
    seq: 0,
    agents: [AGENT],
    windows: [window(1)],
    ledger: { received: 3, merged: 2, tooLate: 1 },
  });
  reader.change({ windows: [window(2)] });
  reader.change({ windows: [window(3)] });
  const first = await stream.next();
  expect(first).toMatchObject({ event: "delta", data: { seq: 1, windows: [window(3)] } });
  expect(first.data["agents"]).toBeUndefined();
  reader.change({ agents: [AGENT] });
  const second = await stream.next();
  expect(second).toMatchObject({ event: "delta", data: { seq: 2, agents: [AGENT] } });
  expect(Number(second.data["serverTimeMs"]) - Number(first.data["serverTimeMs"])).toBeGreaterThanOrEqual(
    200,
  );
  expect(server.stream.clientCount).toBe(1);
});

test("what very many windows change comes in several frames: alarms wait for one of them, and a client goes on behind any", async () => {
  const { url, reader } = await listen();
  const stream = await openStream(url);
  await stream.next();
  const users = Array.from({ length: 4_500 }, (_, user) => ({ ...window(1), group: { user: `u${user}` } }));
  reader.change({ windows: users });
  const first = await stream.next();
  reader.change({ alarms: [ALARM] });
  const frames = [first];
  const shown = () => frames.flatMap(({ data }) => (data["windows"] ?? []) as typeof users);
  while (shown().length < users.length) frames.push(await stream.next());
  expect(shown()).toEqual(users);
  for (const { data } of frames) expect(JSON.stringify(data).length).toBeLessThan(1_000_000);
  expect(frames.map(({ data }) => data["seq"])).toEqual(frames.map((_, index) => index + 1));
  expect(frames.findIndex(({ data }) => data["alarms"] !== undefined)).toBeLessThan(frames.length - 1);
  const again = await openStream(url, { "last-event-id": first.id });
  expect((await again.next()).data).toEqual(frames[1]?.data);
});

test("what changes next waits for a quarter of a second since the first of several frames, not since the last", async () => {
  const time = new SimulatedTime(0);
  const clock = time.clock();
  // Each frame takes as long.
  const frameMs = 20;
  const after: Clock["after"] = (delayMs, callback) => clock.after(Math.max(frameMs, delayMs), callback);
  const { url, reader } = await listen(undefined, { ...clock, after });
  const stream = await openStream(url);
  await stream.next();
  const users = Array.from({ length: 2_500 }, (_, user) => ({ ...window(1), group: { user: `u${user}` } }));
  const timesMs: unknown[] = [];
  for (let round = 0; round < 3; round += 1) {
    reader.change({ windows: users });
    await time.run(FRAME_INTERVAL_MS);
    for (let frame = 0; frame < 3; frame += 1) timesMs.push((await stream.next()).data["serverTimeMs"]);
  }
  expect(timesMs).toEqual([20, 40, 60, 270, 290, 310, 520, 540, 560]);
});

test("of more windows than may wait some are left out, and the frame says how many", async () => {
  const { url, reader } = await listen();
  const stream = await openStream(url);
  await stream.next();
  reader.change({
    windows: Array.from({ length: WINDOWS_WAITING_MAX + 7 }, (_, user) => ({
      ...window(1),
      group: { user: `u${user}` },
    })),
  });
  expect((await stream.next()).data).toMatchObject({ truncated: 7 });
  reader.change({ windows: [window(1)] });
  const second = await stream.next();
  expect(second.data["truncated"]).toBeUndefined();
});

test("a client that does not read is given no deltas, and a fresh snapshot once it reads again", async () => {
  const time = new SimulatedTime(0);
  const { reader, server } = await listen(undefined, time.clock());
  const text = "x".repeat(1_000_000);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request({ port: server.port, host: "127.0.0.1", path: "/api/v1/stream" }, resolve).on(
      "error",
      reject,
    );
    sent.end();
    ends.push(() => sent.destroy());
  });
  response.pause();
  const big = { ...AGENT, status: { text } };
  let writtenCount = -1;
  while (server.stream.behindCount === 0) {
    reader.change({ agents: [big] });
    await time.run(FRAME_INTERVAL_MS);
    writtenCount += 1;
  }
  let received = "";
  response.setEncoding("utf8");
  response.on("data", (chunk: string) => (received += chunk.replaceAll("x", "")));
  response.resume();
  const seen = (event: string) => received.split(`event: ${event}`).length - 1;
  while (seen("delta") < writtenCount || !received.endsWith("\n\n"))
    await new Promise((resolve) => setImmediate(resolve));
  while (seen("snapshot") < 2 || seen("delta") <= writtenCount) {
    reader.change({ agents: [AGENT] });
    await time.run(FRAME_INTERVAL_MS);
  }
  const numbers = [...received.slice(received.lastIndexOf("event: snapshot")).matchAll(/"seq":(\d+)/g)].map(
    (match) => Number(match[1]),
  );
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
});

test("the dashboard's files are served, and no others", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-assets-"));
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), "<!doctype html>");
  writeFileSync(join(folder, "assets", "main-3fA9c0d1.js"), "1");
  const { url } = await listen(folderAssets(folder));
  const page = await fetch(`${url}/?from=mail`);
  expect([await page.text(), page.headers.get("content-type"), page.headers.get("cache-control")]).toEqual([
    "<!doctype html>",
    "text/html; charset=utf-8",
    "no-cache",
  ]);
  expect((await fetch(`${url}/assets/main-3fA9c0d1.js`)).headers.get("cache-control")).toMatch(/immutable/);
  expect((await fetch(`${url}/assets/`)).status).toBe(404);
});

test("closing does not wait for open streams, and the port is free again", async () => {
  const { server, url } = await listen();
  const stream = await openStream(url);
  await stream.next();
  await server.close();
  await expect(stream.next()).rejects.toThrow();
});

test("a port in use is a plain error", async () => {
  const { server } = await listen();
  const again = ApiServer.listen({
    host: "127.0.0.1",
    port: server.port,
    allowedHosts: [],
    isControlAllowed: true,
    reader: new FixedReader(),
    records: { recordStreams: () => [], offerRecords: () => null },
    sinks: () => [],
    assets: folderAssets("/nowhere"),
    metrics: new Metrics(),
    refreshMetrics: () => {},
    windowGauges: () => [],
    intakeObstacle: () => null,
    clock: systemClock,
    random: systemRandom,
    access: access(),
    tls: null,
    log: silentLogger,
  });
  await expect(again).rejects.toMatchObject({ code: "port_in_use" });
});

test("evidence is listed by labels, site, time, alarm and state, page by page", async () => {
  const { url } = await listen();
  const idsOf = async (query: string) => {
    const page: { evidence: EvidenceView[]; cursor: string | null } = JSON.parse(
      await (await fetch(`${url}/api/v1/evidence?${query}`)).text(),
    );
    return { ids: page.evidence.map(({ id }) => Number(id[0])), cursor: page.cursor };
  };
  expect(await idsOf("")).toEqual({ ids: [4, 3, 2, 1], cursor: null });
  expect((await idsOf("site=beta")).ids).toEqual([2]);
  expect((await idsOf("machine=m2&site=alpha")).ids).toEqual([3]);
  expect((await idsOf("machine=m3")).ids).toEqual([]);
  expect((await idsOf("agent=alpha-1&state=complete")).ids).toEqual([3, 1]);
  expect((await idsOf(`alarm=${encodeURIComponent(ALARM.id)}`)).ids).toEqual([3]);
  expect((await idsOf("from=2001&to=4000")).ids).toEqual([3]);
  expect((await idsOf("from=4200")).ids).toEqual([3]);
  const first = await idsOf("limit=3");
  expect(first.ids).toEqual([4, 3, 2]);
  expect(await idsOf(`limit=3&cursor=${first.cursor}`)).toEqual({ ids: [1], cursor: null });
  expect(await codeOf(await fetch(`${url}/api/v1/evidence?state=broken`))).toBe("bad_request");
  expect(await codeOf(await fetch(`${url}/api/v1/evidence?from=noon`))).toBe("bad_request");
});

test("evidence is fetched as it was sent, and no browser runs it", async () => {
  const { url } = await listen();
  const response = await fetch(`${url}/api/v1/evidence/${"1".repeat(32)}`);
  expect(await response.text()).toBe("<script></script>");
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "text/html",
    "content-length": "17",
    "content-disposition": `attachment; filename="wave_form-${"1".repeat(32)}"`,
    "content-security-policy": "sandbox",
    "x-content-type-options": "nosniff",
    etag: `"${"ab".repeat(32)}"`,
  });
  const incomplete = await fetch(`${url}/api/v1/evidence/${"4".repeat(32)}`);
  expect([incomplete.status, await codeOf(incomplete)]).toEqual([409, "evidence_incomplete"]);
  const unknown = await fetch(`${url}/api/v1/evidence/9`);
  expect([unknown.status, await codeOf(unknown)]).toEqual([404, "unknown_evidence"]);
});

test("an alarm by its id, whatever is in it, with its evidence", async () => {
  const { url } = await listen();
  const answer = await fetch(`${url}/api/v1/alarms/${encodeURIComponent(ALARM.id)}`);
  expect(await answer.json()).toEqual({ alarms: [ALARM], evidence: [EVIDENCE[1]] });
  expect((await fetch(`${url}/api/v1/alarms/${encodeURIComponent(ALARM.id)}?agent=beta-1`)).status).toBe(404);
  expect(await codeOf(await fetch(`${url}/api/v1/alarms/other`))).toBe("unknown_alarm");
});

test("what is in quarantine by its number, and how much is not kept", async () => {
  const { url } = await listen();
  expect(await (await fetch(`${url}/api/v1/quarantine/2`)).json()).toEqual(QUARANTINE[1]);
  for (const number of ["4", "0", "x", "-1", "2.5"]) {
    const unknown = await fetch(`${url}/api/v1/quarantine/${number}`);
    expect([number, unknown.status, await codeOf(unknown)]).toEqual([number, 404, "unknown_entry"]);
  }
  expect(await (await fetch(`${url}/api/v1/quarantine?limit=1`)).json()).toEqual({
    entries: [QUARANTINE[0]],
    cursor: "3",
    kept: { entries: 3, bytes: 3_072 },
    dropped: { flood: 5, room: 1, age: 0 },
  });
});

test("a reason that nothing is refused for is told, with those that there are", async () => {
  const { url } = await listen();
  const reasons = await fetch(`${url}/api/v1/quarantine?reason=none`);
  expect(await reasons.json()).toMatchObject({
    status: 400,
    detail: expect.stringMatching(/^reason=none is not one of .*oversized.*set_aside.*bad_value.*unreadable/),
  });
  expect((await fetch(`${url}/api/v1/quarantine?reason=bad_value`)).status).toBe(200);
});

test("an alarm that is told again between two pages, graver and later, is on one of them", async () => {
  const { url, reader } = await listen();
  const ask = async (path: string): Promise<{ alarms: AlarmView[]; cursor: string }> =>
    JSON.parse(await (await fetch(`${url}/api/v1/alarms?${path}`)).text());
  const alarm = (number: number) => ({
    ...ALARM,
    id: `hot|m${number}`,
    timeMs: 1_000 - number,
    isActive: true,
  });
  for (const filter of ["", "active=true&"]) {
    reader.alarmList = [0, 1, 2, 3, 4, 5].map(alarm);
    const first = await ask(`${filter}limit=3`);
    const told = { step: 2, severity: 900, timeMs: 2_000, receivedAtMs: 2_000, firstReceivedAtMs: 2_000 };
    reader.alarmList = reader.alarmList.map((each) => (each.id === "hot|m4" ? { ...each, ...told } : each));
    const second = await ask(`${filter}limit=3&cursor=${first.cursor}`);
    expect([...first.alarms, ...second.alarms].map(({ id }) => id)).toEqual(
      reader.alarmList.map(({ id }) => id),
    );
  }
});

test("lists come page by page: what comes and goes between two pages neither doubles nor hides another", async () => {
  const { url, reader } = await listen();
  const ask = async (path: string): Promise<{ ids: unknown[]; cursor: string | null }> => {
    const { cursor, ...lists } = JSON.parse(await (await fetch(`${url}/api/v1/${path}`)).text());
    const [items] = Object.values<Record<string, unknown>[]>(lists);
    return {
      ids: (items ?? []).map((item) => item["id"] ?? item["number"] ?? item["agent"] ?? item["site"]),
      cursor,
    };
  };
  const alarm = (id: string, isActive: boolean) => ({ ...ALARM, id, isActive });
  reader.alarmList = [alarm("c", false), alarm("a", true), alarm("d", false), alarm("b", true)];
  const first = await ask("alarms?limit=2");
  expect(first.ids).toEqual(["a", "b"]);
  reader.alarmList = [...reader.alarmList.filter(({ id }) => id !== "b"), alarm("new", true)];
  const second = await ask(`alarms?limit=2&cursor=${first.cursor}`);
  expect(second).toEqual({ ids: ["c", "d"], cursor: expect.any(String) });
  expect(await ask(`alarms?limit=2&cursor=${second.cursor}`)).toEqual({ ids: ["new"], cursor: null });
  expect((await ask("alarms?active=true")).ids).toEqual(["a", "new"]);
  expect((await ask("alarms?active=false")).ids).toEqual(["c", "d"]);
  reader.agentList = ["b", "a", "c"].map((agent) => ({
    ...AGENT,
    agent,
    site: agent === "a" ? "one" : "two",
  }));
  const agents = await ask("agents?limit=2");
  expect(agents.ids).toEqual(["a", "b"]);
  expect(await ask(`agents?limit=2&cursor=${agents.cursor}`)).toEqual({ ids: ["c"], cursor: null });
  expect((await ask("agents?site=two")).ids).toEqual(["b", "c"]);
  expect(await ask("sites?limit=1")).toMatchObject({ ids: ["one"], cursor: expect.any(String) });
  const bad = await ask("quarantine?limit=2");
  expect(bad).toEqual({ ids: [3, 2], cursor: "2" });
  expect(await ask(`quarantine?limit=2&cursor=${bad.cursor}`)).toEqual({ ids: [1], cursor: null });
  expect(await ask("quarantine?limit=3")).toEqual({ ids: [3, 2, 1], cursor: null });
  expect((await ask("quarantine?agent=alpha-1&reason=oversized")).ids).toEqual([3, 2, 1]);
  expect((await ask("quarantine?agent=c")).ids).toEqual([]);
  expect(await ask("late?limit=1")).toEqual({ ids: [7], cursor: null });
  expect((await ask("late")).ids).toEqual([7]);
  expect((await ask("windows/latest?limit=1")).cursor).toBeNull();
  const latest = await fetch(`${url}/api/v1/windows/latest`);
  expect(await latest.json()).toMatchObject({ windows: [{ window: "w" }], searchedAfterMs: { w: 0 } });
});

test("a site is as complete as the least complete of its agents; pipelines say who runs which", async () => {
  const { url, reader } = await listen();
  const agent = (name: string, changed: Partial<AgentView>) => ({ ...AGENT, agent: name, ...changed });
  const status = { pipelineVersion: "0123", pipelineSource: "central", pipelineRefused: "" };
  reader.agentList = [
    agent("a", { watermarkMs: 500, status }),
    agent("b", { watermarkMs: 300, isIdle: true, status }),
    agent("c", { watermarkMs: 400, state: "silent" }),
    agent("d", { state: "retired" }),
    agent("e", { site: "beta" }),
  ];
  expect(await (await fetch(`${url}/api/v1/sites`)).json()).toEqual({
    sites: [
      {
        site: "alpha",
        agents: ["a", "b", "c", "d"],
        states: { connected: 2, silent: 1, never_seen: 0, retired: 1 },
        watermarkMs: 400,
        activeAlarms: 1,
      },
      {
        site: "beta",
        agents: ["e"],
        states: { connected: 1, silent: 0, never_seen: 0, retired: 0 },
        watermarkMs: null,
        activeAlarms: 0,
      },
    ],
    cursor: null,
  });
  expect(await (await fetch(`${url}/api/v1/pipelines`)).json()).toMatchObject({
    pipelines: [
      { version: "0123", agents: [{ agent: "a", source: "central" }, { agent: "b" }] },
      { version: "", agents: [{ agent: "c" }, { agent: "e", source: "" }] },
    ],
  });
});

test("what has not changed since it was asked for is not sent again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-assets-"));
  writeFileSync(join(folder, "index.html"), "<!doctype html>");
  const { url, reader } = await listen(folderAssets(folder));
  for (const path of ["/api/v1/agents", "/", `/api/v1/evidence/${"1".repeat(32)}`]) {
    const first = await fetch(url + path);
    const tag = first.headers.get("etag") ?? "";
    expect([path, first.status, tag]).toEqual([path, 200, expect.stringMatching(/^".{10,}"$/)]);
    const again = await fetch(url + path, { headers: { "if-none-match": `"other", W/${tag}` } });
    expect([path, again.status, await again.text()]).toEqual([path, 304, ""]);
    expect(again.headers.get("etag")).toBe(tag);
  }
  const tag = (await fetch(`${url}/api/v1/agents`)).headers.get("etag") ?? "";
  reader.agentList = [{ ...AGENT, lastSeenMs: 2 }];
  expect((await fetch(`${url}/api/v1/agents`, { headers: { "if-none-match": tag } })).status).toBe(200);
});

test("answers from 1 KiB on come in gzip to whoever accepts it, under a tag of their own; either tag is known again in both forms", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-assets-"));
  writeFileSync(join(folder, "index.html"), "<p>北京</p>".repeat(200));
  writeFileSync(join(folder, "main-3fA9c0d1.js"), "1;".repeat(2_000));
  writeFileSync(join(folder, "logo.png"), "x".repeat(2_000));
  const gauge = { name: "g", help: "x".repeat(2_000), samples: [] };
  const { url, reader } = await listen(folderAssets(folder), systemClock, true, {
    windowGauges: () => [gauge],
  });
  reader.agentList = Array.from({ length: 50 }, (_, index) => ({ ...AGENT, agent: `alpha-${index}` }));
  const startMs = Array.from({ length: 50_000 }, (_, index) => index * 1_000);
  reader.seriesPage = {
    ...SERIES,
    series: [{ labels: { site: "北京" }, startMs, values: { max: startMs } }],
  };
  const ask = async (path: string, coding: string, headers: Record<string, string> = {}, method = "GET") => {
    const answer = await fetch(url + path, { method, headers: { "accept-encoding": coding, ...headers } });
    const of = (name: string) => answer.headers.get(name);
    return {
      status: answer.status,
      text: await answer.text(),
      coding: of("content-encoding"),
      vary: of("vary"),
      tag: of("etag") ?? "",
      length: of("content-length"),
    };
  };
  for (const path of [
    "/api/v1/agents",
    "/api/v1/openapi.json",
    "/api/v1/series?metric=t&from=0",
    "/",
    "/main-3fA9c0d1.js",
  ]) {
    const plain = await ask(path, "identity");
    const packed = await ask(path, "br;q=0.9, gzip");
    const sent = { status: 200, text: plain.text, vary: "accept-encoding" };
    expect(plain, path).toEqual({
      ...sent,
      coding: null,
      tag: expect.stringMatching(/^"/),
      length: String(Buffer.byteLength(plain.text)),
    });
    expect(packed, path).toEqual({
      ...sent,
      coding: "gzip",
      tag: `W/${plain.tag}`,
      length: expect.toSatisfy((text) => Number(text) > 0 && Number(text) < plain.text.length / 2),
    });
    for (const [coding, whole] of [
      ["identity", plain],
      ["gzip", packed],
    ] as const) {
      const head = await ask(path, coding, {}, "HEAD");
      expect(head, path).toEqual({ ...whole, text: "" });
      for (const tag of [plain.tag, packed.tag])
        for (const method of ["GET", "HEAD"])
          expect(await ask(path, coding, { "if-none-match": tag }, method), path).toEqual({
            status: 304,
            text: "",
            coding: null,
            vary: "accept-encoding",
            tag: whole.tag,
            length: null,
          });
    }
  }
  expect(await ask("/metrics", "gzip")).toMatchObject({ coding: "gzip", vary: "accept, accept-encoding" });
  expect(await ask("/metrics", "gzip", { accept: OPEN_METRICS_TYPE })).toMatchObject({ coding: "gzip" });
  expect(await ask("/logo.png", "gzip")).toMatchObject({ coding: null, vary: null });
  expect(await ask("/healthz", "gzip")).toMatchObject({ coding: null, vary: "accept-encoding" });
});

test("the metrics wait for no answers that are being packed: they go as they are then", async () => {
  const { url } = await listen(undefined, systemClock, true, {
    windowGauges: () => [{ name: "g", help: "x".repeat(2_000), samples: [] }],
  });
  vi.spyOn(GzipPacker.prototype, "pack").mockImplementation((_pieces, { mayWait = true } = {}) =>
    mayWait ? Promise.withResolvers<Buffer>().promise : null,
  );
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  const scraped = await fetch(`${url}/metrics`, { headers: { "accept-encoding": "gzip" } });
  expect([scraped.status, scraped.headers.get("content-encoding")]).toEqual([200, null]);
});

test("a stream and evidence go as they are, whatever is accepted; a long problem and the answer to a POST do not", async () => {
  const { url } = await listen();
  const headers = { "accept-encoding": "gzip" };
  const abort = new AbortController();
  ends.push(() => abort.abort());
  const stream = await fetch(`${url}/api/v1/stream`, { headers, signal: abort.signal });
  const evidence = await fetch(`${url}/api/v1/evidence/${"1".repeat(32)}`, { headers });
  expect([stream, evidence].map((each) => each.headers.get("content-encoding"))).toEqual([null, null]);
  const problem = await fetch(`${url}/api/v1/windows?window=${"w".repeat(2_000)}`, { headers });
  expect([problem.status, problem.headers.get("content-encoding"), problem.headers.get("etag")]).toEqual([
    404,
    "gzip",
    null,
  ]);
  const reset = await fetch(`${url}/api/v1/alarms/reset`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ agent: "", id: "x".repeat(2_000) }),
  });
  expect([reset.status, reset.headers.get("content-encoding"), reset.headers.get("etag")]).toEqual([
    200,
    "gzip",
    null,
  ]);
});

test("a method that a path does not take, a body of another type and a request that is none are problems too", async () => {
  const { url, server, reader } = await listen();
  for (const [method, path, allow] of [
    ["DELETE", "/api/v1/agents", "GET, HEAD"],
    ["GET", "/api/v1/sites/alpha/retire", "POST"],
    ["PUT", "/api/v1/pipeline", "GET, HEAD, POST"],
    ["HEAD", "/api/v1/stream", "GET"],
  ] as const) {
    const response = await fetch(url + path, { method });
    expect([method, path, response.status, response.headers.get("allow")]).toEqual([
      method,
      path,
      405,
      allow,
    ]);
  }
  const typed = await fetch(`${url}/api/v1/alarms/reset`, {
    method: "POST",
    headers: { "content-type": "text/html" },
    body: "<p>",
  });
  expect([typed.status, await codeOf(typed)]).toEqual([415, "unsupported"]);
  const large = await fetch(`${url}/api/v1/alarms/reset`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ agent: "x".repeat(70_000), id: "y" }),
  });
  expect([large.status, await large.json()]).toMatchObject([
    413,
    { code: "too_large", detail: "the body has more than 65536 bytes (64 KiB); send less at once" },
  ]);
  const answer = await new Promise<string>((resolve) => {
    let text = "";
    const socket = connect(server.port, "127.0.0.1", () => socket.write("NONSENSE\r\n\r\n"));
    socket.on("data", (chunk) => (text += String(chunk)));
    socket.on("close", () => resolve(text));
  });
  expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*application\/problem\+json[^]*"code":"bad_request"/);
  expect(reader.resets).toEqual([]);
});

test("one client's requests that wait for their answers are bounded: the next is told when to come again", async () => {
  const { url, reader } = await listen();
  const { promise, resolve } = Promise.withResolvers<[]>();
  let asked = 0;
  const { promise: allAsked, resolve: onAll } = Promise.withResolvers<void>();
  reader.quarantine = () => {
    asked += 1;
    if (asked === REQUESTS_PER_CLIENT_MAX) onAll();
    return promise;
  };
  // Not held to the description, each of them: that takes so long that connections kept alive are closed meanwhile.
  const waiting = Array.from({ length: REQUESTS_PER_CLIENT_MAX }, () =>
    globalThis.fetch(`${url}/api/v1/quarantine`),
  );
  await allAsked;
  const refused = await fetch(`${url}/api/v1/agents`);
  expect([refused.status, await codeOf(refused), refused.headers.get("retry-after")]).toEqual([
    429,
    "too_many_requests",
    "1",
  ]);
  resolve([]);
  for (const answer of await Promise.all(waiting)) expect(answer.status).toBe(200);
  expect((await fetch(`${url}/api/v1/agents`)).status).toBe(200);
});

test("bodies that come by drops keep nobody from probes, metrics and reads, and are ended: 408", async () => {
  const { server, url } = await listen(undefined, systemClock, true, { requestTimeoutMs: 3_000 });
  const { port } = server;
  const head = "POST /api/v1/alarms/reset HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n";
  const slow = Array.from({ length: REQUESTS_PER_CLIENT_MAX }, () => {
    const socket = connect(port, "127.0.0.1", () => socket.write(`${head}content-length: 100\r\n\r\n{`));
    const drops = setInterval(() => socket.write(" "), 200);
    let answer = "";
    socket.on("data", (bytes) => (answer += String(bytes)));
    socket.on("error", () => {});
    ends.push(() => socket.destroy());
    return new Promise<string>((resolve) =>
      socket.once("close", () => {
        clearInterval(drops);
        resolve(answer);
      }),
    );
  });
  const another = () => fetch(`${url}/api/v1/alarms/reset`, { method: "POST" });
  await expect.poll(async () => (await another()).status, { timeout: 2_500 }).toBe(429);
  for (const path of ["healthz", "readyz", "metrics", "api/v1/agents"])
    expect((await fetch(`${url}/${path}`)).status, path).toBe(200);
  for (const answer of await Promise.all(slow))
    expect(answer).toMatch(/^HTTP\/1.1 408 [^]*"code":"too_slow"/);
  expect((await another()).status).toBe(400);
});

test("a stream goes on behind the last frame that a client has, and begins anew where that is gone", async () => {
  const time = new SimulatedTime(0);
  const { url, reader } = await listen(undefined, time.clock());
  const publish = async (revision: number) => {
    reader.change({ windows: [window(revision)] });
    await time.run(FRAME_INTERVAL_MS);
  };
  const first = await openStream(url);
  await first.next();
  await publish(2);
  const { id } = await first.next();
  ends.pop()?.();
  await publish(3);
  await publish(4);
  const again = await openStream(url, { "last-event-id": id });
  expect(await again.next()).toMatchObject({ event: "delta", data: { seq: 2, windows: [window(3)] } });
  expect(await again.next()).toMatchObject({ event: "delta", data: { seq: 3, windows: [window(4)] } });
  await publish(5);
  const last = await again.next();
  expect(last).toMatchObject({ event: "delta", data: { seq: 4 } });
  ends.pop()?.();
  for (const unknown of [`00${last.id}`, `${last.id}0`, "junk"])
    expect(await (await openStream(url, { "last-event-id": unknown })).next()).toMatchObject({
      event: "snapshot",
    });
  await openStream(url);
  for (let ms = -FRAME_INTERVAL_MS; ms <= RESUME_MS; ms += FRAME_INTERVAL_MS) await publish(300 + ms);
  expect(await (await openStream(url, { "last-event-id": last.id })).next()).toMatchObject({
    event: "snapshot",
  });
});

test("nobody listens, nobody comes back: what happens then is in no frame, and none is taken for complete", async () => {
  const time = new SimulatedTime(0);
  const { url, reader, server } = await listen(undefined, time.clock());
  const first = await openStream(url);
  const { id } = await first.next();
  ends.pop()?.();
  while (server.stream.clientCount > 0) await new Promise((resolve) => setImmediate(resolve));
  await time.run(180_000);
  reader.change({ windows: [window(9)] });
  await time.run(FRAME_INTERVAL_MS);
  expect(await (await openStream(url, { "last-event-id": id })).next()).toMatchObject({ event: "snapshot" });
});

const TOKENS = [
  { name: "grafana", hash: createHash("sha256").update("look").digest("hex"), role: "read" as const },
  { name: "orders", hash: createHash("sha256").update("post").digest("hex"), role: "operate" as const },
];

test("with tokens nobody without one is answered, and one that may only read changes nothing", async () => {
  const { url, reader } = await listen(undefined, systemClock, true, { access: access({ tokens: TOKENS }) });
  const ask = async (path: string, token?: string, method = "GET") => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(url + path, { method, headers });
    return [response.status, await codeOf(response.clone()).catch(() => undefined)];
  };
  for (const [path, operations] of Object.entries(OPENAPI.paths))
    for (const [method, operation] of Object.entries(operations)) {
      if (operation["x-millrace-role"] === "anyone") continue;
      const place = path.replaceAll(/\{\w+\}/g, "x");
      for (const token of [undefined, "", "wrong", "LOOK"])
        expect([path, ...(await ask(place, token, method.toUpperCase()))]).toEqual([
          path,
          401,
          "login_needed",
        ]);
      if (operation["x-millrace-role"] === "operate")
        expect([path, ...(await ask(place, "look", method.toUpperCase()))]).toEqual([
          path,
          403,
          "not_allowed",
        ]);
    }
  for (const path of ["/healthz", "/readyz", "/api/v1/openapi.json"])
    expect([path, (await ask(path))[0]]).toEqual([path, 200]);
  for (const path of ["/api/v1/agents", "/metrics"])
    expect([path, (await ask(path, "look"))[0]]).toEqual([path, 200]);
  expect(await ask("/api/v1/sites/alpha/retire", "post", "POST")).toEqual([200, undefined]);
  expect(reader.retired).toEqual([{ site: "alpha" }]);
});

test("a person logs in at the page, acts under the own name, and is out after the logout, the open stream too", async () => {
  const time = new SimulatedTime(0);
  const users = [{ user: "alice", hash: await passwordHash("right"), role: "operate" as const }];
  const { url, reader } = await listen(undefined, time.clock(), true, {
    access: access({ users, clock: time.clock() }),
  });
  const session = (method: string, headers: Record<string, string> = {}, password?: string) =>
    fetch(`${url}/api/v1/session`, {
      method,
      headers: password === undefined ? headers : { ...headers, "content-type": "application/json" },
      ...(password === undefined ? {} : { body: JSON.stringify({ user: "alice", password }) }),
    });
  expect(await (await session("GET")).json()).toEqual({
    isLoginNeeded: true,
    user: null,
    isControlAllowed: false,
  });
  expect(await codeOf(await session("POST", { origin: "https://evil.example" }, "right"))).toBe(
    "foreign_origin",
  );
  expect(await codeOf(await session("POST", {}, "wrong"))).toBe("wrong_login");
  const login = await session("POST", { origin: url }, "right");
  expect(login.headers.get("set-cookie")).toMatch(
    /^millrace_central=[0-9a-f]{64}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
  );
  const cookie = login.headers.get("set-cookie")?.split(";")[0] ?? "";
  expect(await (await session("GET", { cookie })).json()).toMatchObject({
    user: "alice",
    isControlAllowed: true,
  });
  const reset = await fetch(`${url}/api/v1/alarms/reset`, {
    method: "POST",
    headers: { cookie, origin: url, "content-type": "application/json" },
    body: JSON.stringify({ agent: "alpha-1", id: "hot" }),
  });
  expect([reset.status, reader.resets]).toEqual([200, [["alpha-1", "hot", "alice"]]]);
  const stream = await openStream(url, { cookie: `other=1; ${cookie}` });
  expect((await stream.next()).data).toMatchObject({ isControlAllowed: true });
  expect((await session("DELETE", { cookie, origin: url })).headers.get("set-cookie")).toMatch(
    /=; .*Max-Age=0/,
  );
  expect((await fetch(`${url}/api/v1/agents`, { headers: { cookie } })).status).toBe(401);
  await time.run(HEARTBEAT_INTERVAL_MS);
  await expect(stream.next()).rejects.toThrow("the stream ended");
});

test("a session ends after twelve hours; after ten wrong logins of an address none is looked at for a minute", async () => {
  const time = new SimulatedTime(0);
  const users = [{ user: "alice", hash: await passwordHash("right"), role: "read" as const }];
  const doors = access({ users, clock: time.clock() });
  const outcome = await doors.logIn("alice", "right", "192.0.2.1");
  const session = outcome.kind === "in" ? outcome.session : "";
  expect(doors.callerOf(undefined, session)).toEqual({ name: "alice", role: "read" });
  for (let attempt = 0; attempt < LOGIN_FAILURES_MAX; attempt += 1)
    expect((await doors.logIn(attempt % 2 === 0 ? "alice" : "bob", "wrong", "192.0.2.1")).kind).toBe("wrong");
  expect((await doors.logIn("alice", "right", "192.0.2.1")).kind).toBe("too_many");
  expect((await doors.logIn("alice", "right", "192.0.2.2")).kind).toBe("in");
  await time.run(60_000);
  expect((await doors.logIn("alice", "right", "192.0.2.1")).kind).toBe("in");
  await time.run(SESSION_MS);
  expect(doors.callerOf(undefined, session)).toBeNull();
});

test("other users and tokens are taken over: whose entry is the same stays in", async () => {
  const [alice, bob] = await Promise.all(
    ["alice", "bob"].map(async (user) => ({ user, hash: await passwordHash(user), role: "read" as const })),
  );
  if (alice === undefined || bob === undefined) throw new Error("two were made");
  const doors = access({ users: [alice, bob], tokens: TOKENS });
  const sessions = await Promise.all(
    ["alice", "bob"].map(async (user) => {
      const outcome = await doors.logIn(user, user, "192.0.2.1");
      return outcome.kind === "in" ? outcome.session : "";
    }),
  );
  doors.setHolders({ users: [alice, { ...bob, role: "operate" }], tokens: [] });
  expect(sessions.map((session) => doors.callerOf(undefined, session)?.name)).toEqual(["alice", undefined]);
  expect(doors.callerOf("Bearer look", undefined)).toBeNull();
  expect(doors.callerOf(`Bearer ${OWN_TOKEN}`, undefined)).toEqual({ name: "this machine", role: "operate" });
  doors.setHolders({ users: [], tokens: [] });
  expect([doors.isLoginNeeded, doors.callerOf(undefined, sessions[0])]).toEqual([false, null]);
});

test("a user who is taken out while the password is being tried does not get in", async () => {
  const [alice, bob] = await Promise.all(
    ["alice", "bob"].map(async (user) => ({ user, hash: await passwordHash(user), role: "read" as const })),
  );
  if (alice === undefined || bob === undefined) throw new Error("two were made");
  const doors = access({ users: [alice, bob] });
  const logins = [doors.logIn("alice", "alice", "192.0.2.1"), doors.logIn("bob", "bob", "192.0.2.1")];
  doors.setHolders({ users: [{ ...bob }], tokens: [] });
  expect((await Promise.all(logins)).map(({ kind }) => kind)).toEqual(["wrong", "in"]);
});

test("over TLS, and with another certificate from the next connection on", async () => {
  const { authority, serverCertificate, serverKey } = TEST_CERTIFICATES;
  const { server } = await listen(undefined, systemClock, true, {
    tls: { cert: serverCertificate, key: serverKey },
  });
  const shown = () =>
    new Promise<string | undefined>((resolve, reject) => {
      const socket = connectTls(
        { port: server.port, host: "127.0.0.1", ca: authority, servername: "localhost" },
        () => {
          resolve(socket.getPeerCertificate().subject.CN?.toString());
          socket.destroy();
        },
      );
      socket.on("error", reject);
    });
  const before = await shown();
  const { agentCertificate, agentKey } = TEST_CERTIFICATES;
  server.renewTls({ cert: agentCertificate, key: agentKey });
  expect(await shown()).toBe("alpha-1");
  server.renewTls({ cert: serverCertificate, key: serverKey });
  expect(await shown()).toBe(before);
});
