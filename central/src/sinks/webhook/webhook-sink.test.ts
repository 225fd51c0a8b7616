// Alarms posted to a real HTTP server in Alertmanager's format: what a receiver gets, and what becomes of what it answers.
import { createServer as createHttp } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import { MemoryLogger } from "@millrace/runtime";
import { SeededRandom, SimulatedTime, TEST_CERTIFICATES } from "@millrace/testkit";
import { expect, onTestFinished, test, vi } from "vitest";
import type { AlarmView } from "../../alarms/alarm-view.ts";
import { AlarmStream } from "../alarm-stream.ts";
import { SinkRunner } from "../sink-runner.ts";
import { WebhookSink } from "./webhook-sink.ts";

const START_MS = Date.parse("2026-01-05T10:00:00Z");

function alarm(id: string, changes: Partial<AlarmView> = {}): AlarmView {
  return {
    id,
    step: 1,
    rule: "overheating",
    metric: "temperature",
    labels: { site: "alpha", machine: id, 区域: "北京" },
    severity: 900,
    isActive: true,
    isLatched: false,
    isHistorical: false,
    activeAtMs: START_MS,
    clearedAtMs: null,
    timeMs: START_MS,
    value: 81.5,
    limit: 80,
    action: "none",
    command: null,
    message: `${id} above 80`,
    agent: "alpha-1",
    site: "alpha",
    receivedAtMs: START_MS + 100,
    ...changes,
  };
}

interface Post {
  readonly headers: IncomingMessage["headers"];
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

/** Answers with what is next in `answers`, 200 when there is none; null: never. */
class Receiver {
  readonly posts: Post[] = [];
  readonly answers: ([status: number, headers?: Record<string, string>] | null)[] = [];
  /** Rules whose posts it always fails at. */
  readonly failsAt = new Set<string>();
  readonly server: Server;
  url = "";

  constructor(isSecure = false) {
    const { serverCertificate: cert, serverKey: key } = TEST_CERTIFICATES;
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#take(request, response);
    this.server = isSecure ? createHttps({ cert, key }, answer) : createHttp(answer);
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    const address = this.server.address();
    const scheme = "setSecureContext" in this.server ? "https" : "http";
    if (typeof address === "object" && address !== null)
      this.url = `${scheme}://127.0.0.1:${address.port}/hook?key=1`;
    onTestFinished(() => {
      this.server.close();
      this.server.closeAllConnections();
    });
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const piece of request) text += String(piece);
    const { headers: asked } = request;
    const body = JSON.parse(text);
    this.posts.push({ headers: asked, body });
    const next = this.failsAt.has(body.groupLabels.alertname) ? ([500] as const) : this.answers.shift();
    if (next === null) return;
    const [status, headers = {}] = next ?? [200];
    response.writeHead(status, headers).end("so it is");
  }
}

async function place(
  options: { readonly isSecure?: boolean; readonly ca?: string; readonly timeoutMs?: number } = {},
) {
  const receiver = new Receiver(options.isSecure);
  await receiver.listen();
  const book = new Map<string, AlarmView>();
  const log = new MemoryLogger();
  const sink = new WebhookSink({
    config: {
      url: receiver.url,
      header: { name: "Authorization", value: "Bearer secret" },
      tls: options.isSecure ? { ca: options.ca ?? TEST_CERTIFICATES.authority, cert: null, key: null } : null,
      timeoutMs: options.timeoutMs ?? 5_000,
      dashboardUrl: "https://millrace.example/",
    },
    alarms: () => [...book.values()],
    clock: { nowMs: () => START_MS },
    log,
  });
  onTestFinished(() => sink.close());
  const runnerIn = (time: SimulatedTime) =>
    new SinkRunner({
      target: sink,
      stream: new AlarmStream(() => [...book.values()], { isNotified: true }),
      mark: null,
      retentionMs: 86_400_000,
      clock: time.clock(),
      random: new SeededRandom(1),
      log,
    });
  return { receiver, sink, log, book, runnerIn };
}

test("a post is Alertmanager's, version 4, and carries the secret header", async () => {
  const { receiver, sink } = await place();
  expect(await sink.write([alarm("m1"), alarm("m2", { severity: 500, level: "high", unit: "°C" })])).toEqual({
    taken: 2,
    refused: 0,
  });
  const [{ headers, body }] = receiver.posts;
  expect(headers).toMatchObject({ authorization: "Bearer secret", "content-type": "application/json" });
  expect(body).toEqual({
    version: "4",
    groupKey: '{}:{alertname="overheating", site="alpha"}',
    truncatedAlerts: 0,
    status: "firing",
    receiver: "millrace",
    groupLabels: { alertname: "overheating", site: "alpha" },
    commonLabels: {
      alertname: "overheating",
      site: "alpha",
      agent: "alpha-1",
      metric: "temperature",
      __: "北京",
    },
    commonAnnotations: { value: "81.5", limit: "80", action: "none" },
    externalURL: "https://millrace.example/",
    alerts: [
      {
        status: "firing",
        labels: {
          site: "alpha",
          machine: "m1",
          __: "北京",
          alertname: "overheating",
          severity: "critical",
          agent: "alpha-1",
          metric: "temperature",
        },
        annotations: {
          summary: "m1 above 80",
          alarm: "m1",
          priority: "900",
          value: "81.5",
          limit: "80",
          action: "none",
        },
        startsAt: "2026-01-05T10:00:00.000Z",
        endsAt: "0001-01-01T00:00:00Z",
        generatorURL: "https://millrace.example/",
        fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      },
      expect.objectContaining({
        labels: expect.objectContaining({ machine: "m2", severity: "warning" }),
        annotations: expect.objectContaining({ level: "high", unit: "°C" }),
      }),
    ],
  });
});

test("a group is resolved when all of it is: what is still active of it is in each post", async () => {
  const { receiver, sink, book } = await place();
  const cleared = { isActive: false, clearedAtMs: START_MS + 60_000, step: 2 };
  book.set("m1", alarm("m1", cleared));
  book.set("m2", alarm("m2"));
  book.set("m3", alarm("m3", { isHistorical: true }));
  book.set("m4", alarm("m4", { rule: "stuck" }));
  await sink.write([alarm("m1", cleared)]);
  const [first] = receiver.posts;
  expect(first.body.status).toBe("firing");
  const seen = first.body.alerts.map(
    (each: { labels: { machine: string }; status: string; endsAt: string }) => [
      each.labels.machine,
      each.status,
      each.endsAt,
    ],
  );
  expect(seen).toEqual([
    ["m1", "resolved", "2026-01-05T10:01:00.000Z"],
    ["m2", "firing", "0001-01-01T00:00:00Z"],
  ]);
  book.set("m2", alarm("m2", cleared));
  await sink.write([alarm("m2", cleared)]);
  expect(receiver.posts[1].body.status).toBe("resolved");
  expect(receiver.posts[1].body.groupKey).toBe(first.body.groupKey);
  // Each rule has posts of its own.
  await sink.write([alarm("m4", { rule: "stuck" }), alarm("m5", { site: "", labels: {} })]);
  expect(receiver.posts.slice(2).map(({ body }) => body.groupLabels)).toEqual([
    { alertname: "stuck", site: "alpha" },
    { alertname: "overheating" },
  ]);
});

test.each([
  [[500], 0],
  [[404], 0],
  [[301, { location: "/elsewhere" }], 0],
  [[429, { "retry-after": "7" }], 7_000],
  [[503, { "retry-after": "Mon, 05 Jan 2026 10:00:30 GMT" }], 30_000],
  [[503, { "retry-after": "999999999" }], 3_600_000],
  [[503, { "retry-after": "soon" }], 0],
] as const)("an answer of %j is tried again, and rest is given as it asks: %i ms", async (answer, restMs) => {
  const { receiver, sink } = await place();
  const [status, headers] = answer;
  receiver.answers.push([status, headers]);
  const { left } = await sink.write([alarm("m1")]);
  expect(left?.why.code).toBe("sink_webhook");
  // What follows the host may be a secret.
  expect(left?.why.message).toContain(
    `cannot post alarms to ${new URL(receiver.url).origin}: it answers ${status} (so it is)`,
  );
  expect(sink.restMs()).toBe(restMs);
  expect(await sink.write([alarm("m1")])).toEqual({ taken: 1, refused: 0 });
  expect(sink.restMs()).toBe(0);
});

test("times that are none, and values that are none, stop nothing", async () => {
  const { receiver, sink } = await place();
  const odd = { activeAtMs: 1e300, clearedAtMs: Number.NaN, isActive: false, value: Number.NaN };
  expect(await sink.write([alarm("m1", odd)])).toEqual({ taken: 1, refused: 0 });
  expect(receiver.posts[0].body.alerts[0]).toMatchObject({
    startsAt: "+275760-09-13T00:00:00.000Z",
    endsAt: "1970-01-01T00:00:00.000Z",
  });
});

test("a message that a receiver refuses is not posted again, and said", async () => {
  const { receiver, sink, log } = await place();
  receiver.answers.push([400]);
  expect(await sink.write([alarm("m1"), alarm("m2", { rule: "stuck" })])).toEqual({ taken: 1, refused: 1 });
  expect(log.messages("warn")).toHaveLength(1);
});

test("a group that a receiver always fails at holds up none of the others, and they are posted once", async () => {
  const { receiver, sink } = await place();
  receiver.failsAt.add("broken");
  const posted = () => receiver.posts.map(({ body }) => body.groupLabels.alertname);
  const broken = alarm("m1", { rule: "broken" });
  const written = await sink.write([broken, alarm("m2"), alarm("m3", { rule: "stuck" })]);
  expect(posted()).toEqual(["broken", "overheating", "stuck"]);
  expect(written).toMatchObject({ taken: 2, refused: 0, left: { items: [broken] } });
  expect(written.left?.why.message).toContain("it answers 500");
});

test("a receiver that fails at everything is not asked for each of many groups", async () => {
  const { receiver, sink } = await place();
  const items = Array.from({ length: 100 }, (_, at) => alarm(`m${at}`, { rule: `rule-${at}` }));
  for (const { rule } of items) receiver.failsAt.add(rule);
  const inTurn = [...items.slice(3), ...items.slice(0, 3)];
  expect(await sink.write(items)).toMatchObject({ taken: 0, left: { items: inTurn } });
  expect(receiver.posts.length).toBeLessThan(5);
});

test("a receiver that does not answer, or is not there, is a failure with its reason", async () => {
  const silent = await place({ timeoutMs: 50 });
  silent.receiver.answers.push(null);
  const why = async (sink: WebhookSink) => (await sink.write([alarm("m1")])).left?.why.message;
  expect(await why(silent.sink)).toContain("no answer within 50 ms");
  const absent = await place();
  await new Promise((resolve) => absent.receiver.server.close(resolve));
  expect(await why(absent.sink)).toContain("ECONNREFUSED");
});

test("TLS with an authority of one's own; with another one the setting is named", async () => {
  const { receiver, sink } = await place({ isSecure: true });
  expect(await sink.write([alarm("m1")])).toEqual({ taken: 1, refused: 0 });
  expect(receiver.posts).toHaveLength(1);
  const { sink: other } = await place({ isSecure: true, ca: TEST_CERTIFICATES.agentCertificate });
  const { left } = await other.write([alarm("m1")]);
  expect(left?.why.message).toContain("let sinks.webhook.tls.ca name");
});

test.each([
  ["more alarms of one group than are written at a time", Array.from({ length: 600 }, () => "broken")],
  ["many groups", Array.from({ length: 12 }, (_, at) => `broken-${at}`)],
])("%s that a receiver always fails at hold up none of the others", async (_, rules) => {
  const { receiver, runnerIn } = await place();
  for (const rule of rules) receiver.failsAt.add(rule);
  const time = new SimulatedTime(START_MS);
  const runner = runnerIn(time);
  const of = (rule: string) => receiver.posts.filter(({ body }) => body.groupLabels.alertname === rule);
  runner.start();
  await time.run(10);
  runner.offer([...rules.map((rule, at) => alarm(`m${at}`, { rule })), alarm("well")]);
  const shown = { state: "down", code: "sink_webhook", waiting: rules.length };
  await vi.waitFor(async () => {
    await time.run(100);
    expect(of("overheating")).toHaveLength(1);
    expect(runner.view).toMatchObject(shown);
  }, 20_000);
  // None of them has been given up.
  receiver.failsAt.clear();
  await vi.waitFor(async () => {
    await time.run(100);
    expect(runner.view.waiting).toBe(0);
  }, 20_000);
  expect(of("overheating")).toHaveLength(1);
  expect(runner.view.outcomes).toMatchObject({ written: rules.length + 1 });
  await Promise.all([runner.stop(), time.run(5_000)]);
});

test("a receiver that is down for an hour gets the latest of each alarm, once", async () => {
  const { receiver, book, runnerIn } = await place();
  const time = new SimulatedTime(START_MS);
  const runner = runnerIn(time);
  const change = (next: AlarmView) => {
    book.set(next.id, next);
    runner.offer([next]);
  };
  /** Over real sockets, in simulated time. */
  const until = async (condition: () => boolean) => {
    while (!condition()) await time.run(10);
  };
  // Of what was before the first start only what is active is news.
  book.set("old", alarm("old", { isActive: false, clearedAtMs: START_MS }));
  runner.start();
  change(alarm("m0"));
  await until(() => receiver.posts.length === 1);
  expect(receiver.posts[0].body.alerts).toHaveLength(1);
  for (let tries = 0; tries < 1_000; tries += 1) receiver.answers.push([503]);
  for (let step = 2; step <= 100; step += 1) {
    change(alarm("m1", { step, isActive: step % 2 === 0, receivedAtMs: START_MS + step }));
    change(alarm("m2", { step, rule: "stuck", receivedAtMs: START_MS + step }));
    change(alarm("m3", { step, isHistorical: true, receivedAtMs: START_MS + step }));
    await time.run(36_000);
  }
  const failed = receiver.posts.length;
  expect(failed).toBeGreaterThan(2);
  expect(runner.view).toMatchObject({ state: "down", code: "sink_webhook", waiting: 2 });
  receiver.answers.length = 0;
  await until(() => runner.view.waiting === 0);
  const after = receiver.posts.slice(failed).filter(({ body }) => body.receiver === "millrace");
  expect(after.length).toBeLessThanOrEqual(3);
  const last = receiver.posts.slice(-2).map(({ body }) => `${body.groupLabels.alertname} ${body.status}`);
  expect(last.toSorted()).toEqual(["overheating firing", "stuck firing"]);
  expect(runner.view.outcomes.superseded).toBeGreaterThan(190);
  const stopped = runner.stop();
  await until(() => runner.view.state === "stopped");
  await stopped;
});
