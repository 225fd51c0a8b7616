// A configuration is taken over whole or not at all: what is wrong is told with its place, what fails is taken back, what
// central pushes lasts until the file is changed, and does not outlive a crash loop.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadAgentConfig, type AgentConfig } from "@millrace/config";
import { MemoryStore } from "@millrace/queue";
import { MemoryLogger, Metrics, MillraceError, zstdCompression } from "@millrace/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { readAudit } from "../actions/read-audit.ts";
import type { Agent } from "../agent.ts";
import type { Subscriptions } from "../inputs/input.ts";
import type { InputsConfig } from "../inputs/running-inputs.ts";
import { agentOnALine } from "./agent-on-a-line.test-support.ts";
import { readFilePipeline } from "./file-pipeline.ts";
import { versionOf } from "./pipeline-version.ts";
import { Reloader, TRIAL_MS } from "./reloader.ts";
import { startPipeline, TRIAL_STARTS_MAX } from "./start-pipeline.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const pipelineText = (limit: number | string) => `version: 1
metrics:
  t: { unit: °C, from: { topic: "f/{machine}/t", number: {} }, accumulate: [count] }
windows:
  t_10s: { metric: t, size: 10s }
rules:
  hot:
    metric: t
    when: { above: ${limit} }
    severity: 900
`;
const agentText = (more = "") => `version: 1
agent: alpha-1
site: alpha
inputs:
  broker: { port: 1883 }
uplink: { url: "mqtt://127.0.0.1:1884", password: x }
${more}`;

interface Files {
  readonly config: string;
  readonly pipeline: string;
}

function files(): Files {
  const folder = mkdtempSync(join(tmpdir(), "millrace-reload-"));
  folders.push(folder);
  const written = { config: join(folder, "agent.yaml"), pipeline: join(folder, "pipeline.yaml") };
  writeFileSync(written.config, agentText());
  writeFileSync(written.pipeline, pipelineText(80));
  return written;
}

class Inputs {
  readonly changes: InputsConfig[] = [];
  readonly follows: Subscriptions[] = [];
  failure: Error | undefined;
  refusal: Error | undefined;
  /** What happens while the brokers are asked. */
  meanwhile: () => void = () => undefined;

  async change(config: InputsConfig): Promise<void> {
    this.changes.push(config);
    if (this.failure !== undefined) throw this.failure;
  }

  async follow(subscriptions: Subscriptions): Promise<void> {
    this.follows.push(subscriptions);
    this.meanwhile();
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined) throw refusal;
  }
}

async function running(given: Files, options: { store?: MemoryStore; startMs?: number } = {}) {
  const log = new MemoryLogger();
  const store = options.store ?? new MemoryStore();
  const config: AgentConfig = loadAgentConfig(given.config).config;
  const file = readFilePipeline(config.pipelinePath);
  const start = await startPipeline({ store, file, nowMs: options.startMs ?? 0, log });
  const line = await agentOnALine({
    pipeline: start.loaded.config,
    store,
    ...(options.startMs === undefined ? {} : { startMs: options.startMs }),
    configuration: () => reloader.status(),
    pushPipeline: (pushed) => reloader.push(pushed),
  });
  const inputs = new Inputs();
  /** Limits of the rules that the agent was given. */
  const changed: string[] = [];
  const seriesMaxes: number[] = [];
  const agent: Pick<
    Agent,
    | "changePipeline"
    | "expectPipeline"
    | "expectNoPipeline"
    | "setSeriesMax"
    | "subscriptions"
    | "keep"
    | "audit"
  > = {
    changePipeline: (pipeline, record) => {
      changed.push(/"limit":(\d+)/.exec(JSON.stringify(pipeline.rules))?.[1] ?? "");
      return line.agent.changePipeline(pipeline, record);
    },
    expectPipeline: (pipeline) => line.agent.expectPipeline(pipeline),
    expectNoPipeline: () => line.agent.expectNoPipeline(),
    setSeriesMax: (seriesMax) => {
      seriesMaxes.push(seriesMax);
      line.agent.setSeriesMax(seriesMax);
    },
    subscriptions: () => line.agent.subscriptions(),
    keep: (changes) => line.agent.keep(changes),
    audit: (entry) => line.agent.audit(entry),
  };
  const metrics = new Metrics();
  const clock = line.time.clock();
  /** What a service manager would be told. */
  const told: string[] = [];
  /** Of the uplink, as they were taken over. */
  const passwords: (string | null)[] = [];
  const reloader = new Reloader({
    configPath: given.config,
    config,
    start,
    agent,
    inputs,
    credentials: { set: ({ password }) => passwords.push(password) },
    clock,
    log,
    metrics,
    begins: () => {
      told.push("begins");
      return () => told.push("ends");
    },
  });
  line.agent.start();
  await line.time.run(1_000);
  const reload = (asked = {}) => line.time.during(reloader.reload("test", asked));
  const push = (text: string) => line.time.during(reloader.push(pushedOf(text)));
  return { ...line, reloader, inputs, changed, seriesMaxes, metrics, log, told, passwords, reload, push };
}

const pushedOf = (text: string) => ({ text, version: versionOf(text), pushedAtMs: 7, by: "API" });

describe("the files", () => {
  it("are taken over where they have changed, and only what has changed", async () => {
    const given = files();
    const { reloader, inputs, changed, reload, log } = await running(given);
    expect(reloader.status()).toMatchObject({
      version: versionOf(pipelineText(80)),
      source: "file",
      refused: null,
    });
    expect(await reload()).toMatchObject({ outcome: "unchanged" });
    writeFileSync(given.pipeline, pipelineText(90));
    const version = versionOf(pipelineText(90));
    expect(await reload()).toEqual({ outcome: "applied", version, detail: "changed: pipeline" });
    expect([inputs.changes.length, changed]).toEqual([0, ["90"]]);
    expect(inputs.follows.at(-1)?.filters).toEqual(["f/+/t"]);
    writeFileSync(given.config, agentText().replace("1883", "1885"));
    expect(await reload()).toMatchObject({ outcome: "applied", detail: "changed: inputs" });
    expect(inputs.changes).toMatchObject([{ broker: { port: 1885 } }]);
    expect(changed).toHaveLength(1);
    expect(log.lines.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("with an error leave everything as it runs; where it is, is told to who asks, in status and log", async () => {
    const given = files();
    const { reloader, inputs, changed, reload, log, metrics, store, time } = await running(given);
    const before = reloader.status();
    writeFileSync(given.pipeline, pipelineText("hot"));
    const report = await reload();
    expect(report).toMatchObject({ outcome: "refused", version: before.version });
    expect(report.detail).toContain(`${given.pipeline}:9:20: `);
    const version = versionOf(pipelineText("hot"));
    expect(reloader.status()).toMatchObject({
      ...before,
      forMs: expect.any(Number),
      refusedAgoMs: expect.any(Number),
      refused: { source: "file", version, reason: report.detail },
    });
    expect(log.lines.at(-1)).toMatchObject({ level: "error", fields: { detail: report.detail } });
    expect([...inputs.changes, ...inputs.follows, ...changed]).toEqual([]);
    expect((await metrics.exposition()).text).toContain('millrace_agent_reloads_total{outcome="refused"} 1');
    await time.run(1_000);
    const audit: unknown[] = [];
    for await (const line of readAudit(store)) audit.push(line);
    const { detail } = report;
    expect(audit).toMatchObject([{ reload: "refused", by: "test", version: before.version, detail }]);
    writeFileSync(given.config, "agent: [");
    expect((await reload()).detail).toContain(`${given.config}:1:`);
    writeFileSync(given.config, agentText());
    writeFileSync(given.pipeline, pipelineText(80));
    expect(await reload()).toMatchObject({ outcome: "unchanged" });
    expect(reloader.status().refused).toBe(null);
  });

  it("that ask for what cannot change are refused, each key at its place, also where the rest could", async () => {
    const given = files();
    const { changed, reload } = await running(given);
    writeFileSync(given.pipeline, pipelineText(90));
    const more = "data: ./elsewhere\nlimits: { outOfOrderness: 9s }\noutbox: { bytesMax: 2GiB }\n";
    writeFileSync(given.config, agentText(more).replace("site: alpha", "site: beta"));
    const { outcome, detail } = await reload();
    expect(outcome).toBe("refused");
    for (const [place, key] of [
      ["3:1", "site"],
      ["7:1", "data"],
      ["8:11", "limits.outOfOrderness"],
      ["9:11", "outbox.bytesMax"],
    ])
      expect(detail).toContain(`${given.config}:${place}: ${key} cannot change while the agent runs`);
    expect(changed).toEqual([]);
  });

  it("may have another bound on series, which counts at once", async () => {
    const given = files();
    const { changed, seriesMaxes, reload } = await running(given);
    writeFileSync(given.config, agentText("limits: { seriesPerMetricMax: 20000 }\n"));
    expect(await reload()).toMatchObject({
      outcome: "applied",
      detail: "changed: limits.seriesPerMetricMax",
    });
    expect(await reload()).toMatchObject({ outcome: "unchanged" });
    expect([seriesMaxes, changed]).toEqual([[20_000], []]);
  });

  it("are taken over while the disk takes no writes, and whoever asks is told so, the next one too", async () => {
    const given = files();
    const store = new MemoryStore();
    const { reloader, reload, log, metrics, time } = await running(given, { store });
    store.failNextCommits(Number.MAX_SAFE_INTEGER);
    writeFileSync(given.pipeline, pipelineText(90));
    const version = versionOf(pipelineText(90));
    expect(await reload()).toEqual({
      outcome: "applied_undurable",
      version,
      detail:
        "changed: pipeline; the store takes no writes now: it runs, but a restart before it does goes back to what ran before",
    });
    expect(reloader.status()).toMatchObject({ version, refused: null, isDurable: false });
    expect(log.lines.filter(({ level }) => level === "error")).toEqual([]);
    expect(log.messages("warn").at(-1)).toBe("configuration: applied, but not durable yet");
    expect(await reload()).toMatchObject({ outcome: "unchanged" });
    writeFileSync(given.pipeline, pipelineText("hot"));
    expect(await reload()).toMatchObject({ outcome: "refused", version });
    expect((await metrics.exposition()).text).toContain('outcome="applied_undurable"} 1');
    store.failNextCommits(0);
    await time.run(60_000);
    expect(reloader.status().isDurable).toBe(true);
    const durable = log.lines.filter(({ message }) => message === "configuration: now it is durable");
    expect(durable).toMatchObject([{ fields: { version } }]);
  });

  it("with another password for central are no obstacle: the next connection uses it", async () => {
    const given = files();
    const { reload, passwords } = await running(given);
    writeFileSync(given.config, agentText().replace("password: x", "password: y"));
    expect(await reload()).toMatchObject({
      outcome: "unchanged",
      detail: "nothing has changed; at the next connection: uplink.password",
    });
    expect(passwords).toEqual(["y"]);
    writeFileSync(given.pipeline, pipelineText(90));
    expect(await reload()).toMatchObject({
      outcome: "applied",
      detail: "changed: pipeline; at the next connection: uplink.password",
    });
  });

  it("whose input cannot start change nothing: the pipeline never was another", async () => {
    const given = files();
    const { inputs, changed, reload, reloader } = await running(given);
    const before = reloader.status();
    writeFileSync(given.pipeline, pipelineText(90));
    writeFileSync(given.config, agentText().replace("1883", "1885"));
    const values = { host: "127.0.0.1", port: 1885, purpose: "sensors", setting: "inputs.broker.port" };
    inputs.failure = new MillraceError("port_in_use", values);
    const report = await reload();
    expect(report).toMatchObject({ outcome: "rolled_back", version: before.version });
    expect(report.detail).toContain("cannot listen on 127.0.0.1:1885");
    expect(changed).toEqual([]);
    expect(reloader.status()).toMatchObject({
      ...before,
      forMs: expect.any(Number),
      refusedAgoMs: expect.any(Number),
      refused: { reason: report.detail },
    });
    inputs.failure = undefined;
    expect(await reload()).toMatchObject({ outcome: "applied", detail: "changed: inputs, pipeline" });
  });

  it("whose topics the site's broker refuses are taken back: the pipeline never was another", async () => {
    const given = files();
    const { inputs, changed, reload, agent } = await running(given);
    writeFileSync(given.config, agentText().replace("1883", "1885"));
    writeFileSync(given.pipeline, pipelineText(90).replace("f/{machine}/t", "g/{machine}/t"));
    inputs.refusal = new Error("cannot subscribe: the broker refuses g/+/t");
    expect(await reload()).toMatchObject({
      outcome: "rolled_back",
      detail: "cannot subscribe: the broker refuses g/+/t",
    });
    expect(changed).toEqual([]);
    expect(inputs.changes.map(({ broker }) => broker?.port)).toEqual([1885, 1883]);
    expect(inputs.follows.map(({ filters }) => filters)).toEqual([["f/+/t", "g/+/t"], ["f/+/t"]]);
    expect(agent.subscriptions().filters).toEqual(["f/+/t"]);
  });

  it("that are taken back leave alarms, commands and watched windows as they are", async () => {
    const given = files();
    const text = pipelineText(80)
      .replace("t_10s: { metric: t, size: 10s }", "t_10s: { metric: t, size: 10s, by: [machine] }")
      .replace(
        "severity: 900\n",
        'severity: 900\n    action: { publish: "f/{machine}/c", payload: STOP, armed: true }\n',
      );
    writeFileSync(
      given.pipeline,
      `${text}  many: { window: t_10s, value: count, when: { above: 5 }, severity: 1 }\n`,
    );
    const { inputs, reload, agent, time, publish, commands } = await running(given);
    const send = async (value: number, seconds: number) => {
      for (let second = 0; second < seconds; second += 1) {
        void publish("f/m1/t", String(value));
        await time.run(1_000);
      }
    };
    await send(90, 7);
    const before = agent.status().alarms;
    expect(before).toMatchObject([{ rule: "hot", isLatched: true, action: "commanded" }]);
    writeFileSync(
      given.pipeline,
      pipelineText(85).replace("hot:", "other:").replace("f/{machine}", "g/{machine}"),
    );
    inputs.refusal = new Error("the broker refuses g/+/t");
    expect(await reload()).toMatchObject({ outcome: "rolled_back" });
    expect(agent.status().alarms).toEqual(before);
    await send(90, 1);
    await send(20, 12);
    expect(commands).toHaveLength(1);
    const alarms = agent.status().alarms.map(({ rule, timeMs }) => [rule, timeMs % 10_000]);
    expect(alarms).toContainEqual(["many", 0]);
    expect(alarms.map(([rule]) => rule)).toContain("hot");
  });

  it("lose nothing that comes for them alone while the brokers are asked; taken back, it is of no known topic", async () => {
    const given = files();
    const { inputs, reload, agent, time, publish } = await running(given);
    const receipts: Promise<unknown>[] = [];
    inputs.meanwhile = () => {
      for (const [topic, value] of [
        ["g/m1/t", "7"],
        ["f/m1/t", "8"],
        ["h/m1/t", "9"],
      ])
        receipts.push(Promise.resolve(publish(topic, value)));
      inputs.meanwhile = () => undefined;
    };
    const asked = inputs.meanwhile;
    writeFileSync(given.pipeline, pipelineText(85).replace("f/{machine}", "g/{machine}"));
    inputs.refusal = new Error("the broker refuses g/+/t");
    expect(await reload()).toMatchObject({ outcome: "rolled_back" });
    const is = expect.objectContaining({ reason: "unknown_topic" });
    expect(await time.during(Promise.all(receipts))).toEqual([is, undefined, is]);
    expect(agent.status().ledger).toMatchObject({ received: 3, aggregated: 1 });
    receipts.length = 0;
    inputs.meanwhile = asked;
    expect(await reload()).toMatchObject({ outcome: "applied" });
    expect(await time.during(Promise.all(receipts))).toEqual([undefined, undefined, is]);
    expect(agent.status().ledger).toMatchObject({ received: 6, aggregated: 3 });
  });

  it("asked for twice at once are read one after the other", async () => {
    const given = files();
    const { reloader, time } = await running(given);
    writeFileSync(given.pipeline, pipelineText(90));
    const [first, second] = [reloader.reload("one"), reloader.reload("two")];
    expect((await time.during(first)).outcome).toBe("applied");
    expect((await time.during(second)).outcome).toBe("unchanged");
  });
});

describe("a service manager", () => {
  it("is told of each change as it is asked for, and of its end, whoever asks and however it ends", async () => {
    const given = files();
    const { reloader, told, reload, push, time, store } = await running(given);
    await reload();
    await push(pipelineText(85));
    await push(pipelineText("hot"));
    expect(told).toEqual(["begins", "ends", "begins", "ends", "begins", "ends"]);
    told.length = 0;
    const both = [reloader.reload("one"), reloader.reload("two")];
    expect(told).toEqual(["begins", "begins"]);
    await time.during(Promise.all(both));
    expect(told).toEqual(["begins", "begins", "ends", "ends"]);
    told.length = 0;
    store.failNextCommits(Number.MAX_SAFE_INTEGER);
    expect(await push(pipelineText(86))).toMatchObject({ outcome: "applied_undurable" });
    expect(told).toEqual(["begins", "ends"]);
  });
});

describe("what central pushes", () => {
  it("runs, over a restart too, until the file is changed or wanted", async () => {
    const given = files();
    const first = await running(given);
    expect(await first.push(pipelineText(85))).toMatchObject({ outcome: "applied" });
    expect(await first.push(pipelineText(85))).toMatchObject({ outcome: "unchanged" });
    const version = versionOf(pipelineText(85));
    const pushed = { version, source: "central", pushedAtMs: 7, by: "API", isOnTrial: true };
    expect(first.reloader.status()).toMatchObject(pushed);
    expect(await first.reload()).toMatchObject({ outcome: "unchanged", version });
    const second = await running(given, { store: first.store.crash(), startMs: first.time.nowMs });
    expect(second.reloader.status()).toMatchObject({ version, source: "central" });
    expect(readFileSync(given.pipeline, "utf8")).toBe(pipelineText(80));
    writeFileSync(given.pipeline, pipelineText(90));
    const third = await running(given, { store: second.store.crash(), startMs: second.time.nowMs });
    expect(third.reloader.status()).toMatchObject({ version: versionOf(pipelineText(90)), source: "file" });
    await third.push(pipelineText(85));
    expect(await third.reload({ isFileWanted: true })).toMatchObject({ outcome: "applied" });
    expect(third.reloader.status()).toMatchObject({ source: "file" });
    const fourth = await running(given, { store: third.store.crash(), startMs: third.time.nowMs });
    expect(fourth.reloader.status()).toMatchObject({ source: "file" });
  });

  it("gives way to a changed file at the next reload; with an error in the file it stays", async () => {
    const given = files();
    const { push, reload, reloader } = await running(given);
    await push(pipelineText(85));
    writeFileSync(given.pipeline, pipelineText("hot"));
    expect(await reload()).toMatchObject({ outcome: "refused" });
    expect(reloader.status()).toMatchObject({ source: "central" });
    writeFileSync(given.pipeline, pipelineText(90));
    expect(await reload()).toMatchObject({ outcome: "applied", version: versionOf(pipelineText(90)) });
  });

  it("is refused with the place of its error; the heartbeat tells which version runs and which was refused", async () => {
    const given = files();
    const { push, time, central } = await running(given);
    const bad = pipelineText("hot");
    const report = await push(bad);
    expect(report.outcome).toBe("refused");
    expect(report.detail).toContain("pushed-pipeline.yaml:9:20: ");
    await time.run(2_000);
    expect(central.heartbeats.at(-1)?.status).toMatchObject({
      pipelineVersion: versionOf(pipelineText(80)),
      pipelineSource: "file",
      pipelineRefused: versionOf(bad),
      pipelineRefusedReason: expect.stringContaining("pushed-pipeline.yaml"),
    });
  });

  it("comes with an echo, once, and is answered when it is durable", async () => {
    const given = files();
    const { reloader, time, central, store } = await running(given);
    const text = pipelineText(85);
    const ask = (version: string) => ({
      id: version,
      kind: "set_pipeline",
      alarm: "",
      by: "API",
      pipeline: { version, pushedAtMs: 7, body: packed(text) },
    });
    central.requests = [ask("0123456789ab")];
    await time.run(2_500);
    const damaged = { outcome: "refused", detail: "it was damaged on its way" };
    expect(central.heartbeats.at(-1)?.answers).toMatchObject([damaged]);
    central.requests = [ask(versionOf(text))];
    await time.run(2_500);
    expect(central.heartbeats.at(-1)?.answers).toMatchObject([{ outcome: "done" }]);
    expect(reloader.status()).toMatchObject({ version: versionOf(text), source: "central" });
    const after = await running(given, { store: store.crash(), startMs: time.nowMs });
    expect(after.reloader.status().version).toBe(versionOf(text));
  });

  it("and does not let the agent stay up is given up for what ran before, and that is told", async () => {
    const given = files();
    const first = await running(given);
    await first.push(pipelineText(85));
    await first.time.run(TRIAL_MS + 1_000);
    expect(first.reloader.status().isOnTrial).toBe(false);
    await first.push(pipelineText(95));
    let { store } = first;
    for (let start = 0; start < TRIAL_STARTS_MAX; start += 1) {
      store = store.crash();
      const again = await running(given, { store, startMs: first.time.nowMs });
      expect(again.reloader.status()).toMatchObject({
        version: versionOf(pipelineText(95)),
        isOnTrial: true,
      });
    }
    store = store.crash();
    const last = await running(given, { store, startMs: first.time.nowMs });
    expect(last.reloader.status()).toMatchObject({
      version: versionOf(pipelineText(85)),
      source: "central",
      isOnTrial: false,
      refused: { version: versionOf(pipelineText(95)), source: "central" },
    });
    expect(last.log.lines).toContainEqual(expect.objectContaining({ level: "error" }));
    const kept = await running(given, { store: store.crash(), startMs: first.time.nowMs });
    const ofEarlierRun = { refused: { version: versionOf(pipelineText(95)) }, refusedAgoMs: null };
    expect(kept.reloader.status()).toMatchObject(ofEarlierRun);
    await kept.push(pipelineText("hot"));
    expect(kept.reloader.status().refusedAgoMs).toBeGreaterThanOrEqual(0);
    await kept.reload();
    expect(kept.reloader.status()).toMatchObject(ofEarlierRun);
  });

  it("and stays up for its trial may be started as often as one likes", async () => {
    const given = files();
    const first = await running(given);
    await first.push(pipelineText(85));
    await first.time.run(TRIAL_MS + 2_000);
    let { store } = first;
    for (let start = 0; start < TRIAL_STARTS_MAX + 3; start += 1) {
      store = store.crash();
      const again = await running(given, { store, startMs: first.time.nowMs });
      expect(again.reloader.status()).toMatchObject({
        version: versionOf(pipelineText(85)),
        isOnTrial: false,
      });
    }
  });

  it("is started with though the disk takes no writes", async () => {
    const given = files();
    const first = await running(given);
    await first.push(pipelineText(85));
    const store = first.store.crash();
    store.failNextCommits(1);
    const second = await running(given, { store, startMs: first.time.nowMs });
    expect(second.reloader.status()).toMatchObject({ version: versionOf(pipelineText(85)) });
  });

  it("and cannot be read any more gives way to the file at the start", async () => {
    const given = files();
    const first = await running(given);
    await first.push(pipelineText(85));
    const store = first.store.crash();
    store.damage(Uint8Array.of(0x3c), (value) => value.fill(0));
    const second = await running(given, { store, startMs: first.time.nowMs });
    expect(second.reloader.status()).toMatchObject({ source: "file" });
  });
});

function packed(text: string): string {
  return Buffer.from(zstdCompression.compress(new TextEncoder().encode(text))).toString("base64");
}
