import { systemClock } from "@millrace/runtime";
import type { AlarmEvent } from "@millrace/wire";
import { expect, onTestFinished, test } from "vitest";
import type { ScriptedAgent } from "../scripted-agent.test-support.ts";
import type { InboxLimits } from "../sessions/inbox.ts";
import { EmbeddedLog } from "./embedded-log.ts";
import { LoggedCentral } from "./logged-central.test-support.ts";
import type { MakeLog } from "./logged-central.test-support.ts";
import type { LogEntry, LogTurn, UplinkLog } from "./uplink-log.ts";

const LIMITS = { timeout: 20_000, interval: 20 } as const;
const LIVES = 4;
const BATCHES_OF_A_LIFE = 120;
/** More than a commit takes, in each life. */
const BATCHES = LIVES * BATCHES_OF_A_LIFE;

/**
 * What central relies on of a log, whichever it is: nothing is acknowledged before it is held, what is acknowledged is there
 * after a crash, and each batch counts once. `prepare`: a log that is empty, opened again for each life of central.
 */
export function logContract(prepare: () => Promise<MakeLog | string>): void {
  const cases: Record<string, (makeLog: MakeLog) => Promise<void>> = {
    "a batch counts once however often it comes, and is acknowledged up to the first gap": countsOnce,
    "what was acknowledged is there after kill -9 at any moment, what was not comes again, and nothing counts twice":
      crashes,
    "what the log holds twice counts once: a hello that comes again is no store that was rolled back":
      comesTwice,
    "of many agents at once each one's messages keep their order": keepsOrder,
    "an orderly stop keeps all that was acknowledged; a store that is rolled back is found out after it":
      stops,
  };
  for (const [name, play] of Object.entries(cases))
    test(name, { timeout: 60_000 }, async ({ skip }) => {
      const makeLog = await prepare();
      if (typeof makeLog === "string") return skip(makeLog);
      await play(makeLog);
    });
}

async function countsOnce(makeLog: MakeLog): Promise<void> {
  const logged = await started(makeLog);
  const agent = await welcomed(logged, "alpha");
  const baseMs = someSecondsAgo();
  for (const sequence of [1, 2, 2, 5, 4, 1]) agent.panes(sequence, baseMs);
  await expect.poll(() => logged.central.ledger().get("alpha-1")?.merged, LIMITS).toBe(4);
  await expect.poll(() => agent.acks.live, LIMITS).toBe(2);
  agent.panes(3, baseMs);
  await expect.poll(() => agent.acks.live, LIMITS).toBe(5);
  agent.panes(5, baseMs);
  agent.skipped(6, 9, 40);
  await expect.poll(() => agent.acks.live, LIMITS).toBe(9);
  const ledger = logged.central.ledger().get("alpha-1");
  expect(ledger).toMatchObject({ received: 5, merged: 5, batches: 6, skipped: 40, rejected: {} });
  await logged.stop();
}

async function crashes(makeLog: MakeLog): Promise<void> {
  let logged = await started(makeLog);
  const baseMs = someSecondsAgo();
  let [epoch, mark, sent] = [0, 0, 0];
  for (let life = 1; life <= LIVES; life += 1) {
    const agent = logged.agent("alpha");
    const lane = { oldest: 1, sent, next: BATCHES + 1, epochs: [{ epoch, from: 1 }] };
    agent.hello({ epoch, instance: `life ${life}`, lanes: { live: lane } });
    await expect
      .poll(() => agent.welcome ?? agent.refusal, LIMITS)
      .toMatchObject({ type: "welcome", epoch: 1 });
    epoch = 1;
    const told = agent.welcome?.marks.live ?? 0;
    expect(told).toBeGreaterThanOrEqual(mark);
    const last = life === LIVES ? BATCHES : told + BATCHES_OF_A_LIFE;
    for (let sequence = told + 1; sequence <= last; sequence += 1)
      agent.panes(sequence, baseMs + 1_000 * (sequence % 3));
    sent = Math.max(sent, last);
    if (life === LIVES) await expect.poll(() => agent.acks.live, LIMITS).toBe(BATCHES);
    else await expect.poll(() => agent.acks.live ?? 0, LIMITS).toBeGreaterThan(told);
    mark = agent.acks.live ?? told;
    logged = await started(makeLog, await logged.crash());
  }
  await expect.poll(() => logged.central.health().isReady, LIMITS).toBe(true);
  expect(logged.central.ledger().get("alpha-1")).toMatchObject({
    merged: BATCHES,
    batches: BATCHES,
    rejected: {},
  });
  await expect.poll(() => logged.windows(), LIMITS).toEqual(expectedWindows(baseMs));
  await logged.stop();
}

/** Of batches 1 to BATCHES, each of one reading that is its number, in three windows in turn. */
function expectedWindows(baseMs: number): string[] {
  return [0, 1, 2].map((rest) => {
    const values = Array.from({ length: BATCHES }, (_, index) => index + 1).filter(
      (value) => value % 3 === rest,
    );
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return `alpha ${baseMs + 1_000 * rest} ${values.length} ${mean}`;
  });
}

async function comesTwice(makeLog: MakeLog): Promise<void> {
  const taken: LogEntry[] = [];
  const again: LogEntry[] = [];
  const logged = await started((clock, log) => {
    const { name, log: inner } = makeLog(clock, log) ?? { name: "own", log: new EmbeddedLog() };
    return { name, log: repeating(inner, { taken, again }) };
  });
  const agent = await welcomed(logged, "alpha");
  const baseMs = someSecondsAgo();
  for (let sequence = 1; sequence <= 4; sequence += 1) agent.panes(sequence, baseMs);
  await expect.poll(() => agent.acks.live, LIMITS).toBe(4);
  const before = taken.length;
  again.push(...taken);
  agent.panes(5, baseMs);
  await expect.poll(() => agent.acks.live, LIMITS).toBe(5);
  expect(taken.length).toBeGreaterThanOrEqual(2 * before);
  agent.panes(6, baseMs);
  await expect.poll(() => agent.acks.live, LIMITS).toBe(6);
  expect(logged.central.ledger().get("alpha-1")).toMatchObject({ merged: 6, batches: 6, rejected: {} });
  expect(logged.central.alarms()).toEqual([]);
  await logged.stop();
}

/** What is put into `again` comes once more, before whatever comes next. */
function repeating(
  log: UplinkLog,
  { taken, again }: { readonly taken: LogEntry[]; readonly again: LogEntry[] },
): UplinkLog {
  return new Proxy(log, {
    get(target, name) {
      if (name === "isApart") return true;
      if (name !== "take") {
        const found: unknown = Reflect.get(target, name, target);
        return typeof found === "function" ? found.bind(target) : found;
      }
      return (limits: InboxLimits): LogTurn => {
        const turn = target.take(limits);
        const repeated = turn.entries.length === 0 ? [] : again.splice(0);
        const entries = [...repeated.map((entry) => ({ ...entry, settled: undefined })), ...turn.entries];
        taken.push(...entries);
        return { ...turn, entries };
      };
    },
  });
}

async function keepsOrder(makeLog: MakeLog): Promise<void> {
  const logged = await started(makeLog);
  const sites = ["alpha", "beta", "gamma"];
  const agents = await Promise.all(sites.map((site) => welcomed(logged, site)));
  const steps = Array.from({ length: 100 }, (_, index) => index + 1);
  for (const step of steps) for (const agent of agents) agent.alarms(step, [alarmAt(step, agent.site)]);
  for (const agent of agents) await expect.poll(() => agent.acks.alarm, LIMITS).toBe(steps.length);
  const alarms = logged.central.alarms().filter(({ rule }) => rule === "overheating");
  expect(new Set(alarms.map(({ agent, step, value }) => `${agent} ${step} ${value}`))).toEqual(
    new Set(sites.map((site) => `${site}-1 100 100`)),
  );
  await logged.stop();
}

async function stops(makeLog: MakeLog): Promise<void> {
  const first = await started(makeLog);
  const agent = await welcomed(first, "alpha");
  const baseMs = someSecondsAgo();
  for (let sequence = 1; sequence <= 8; sequence += 1) agent.panes(sequence, baseMs);
  await expect.poll(() => agent.acks.live, LIMITS).toBe(8);
  const second = await started(makeLog, await first.stop());
  const rolledBack = second.agent("alpha");
  rolledBack.hello({
    epoch: 1,
    instance: "two",
    lanes: { live: { sent: 4, next: 5, epochs: [{ epoch: 1, from: 1 }] } },
  });
  await expect.poll(() => rolledBack.welcome?.epoch, LIMITS).toBe(2);
  rolledBack.panes(5, baseMs, { epoch: 2 });
  await expect.poll(() => rolledBack.acks.live, LIMITS).toBe(5);
  expect(second.central.ledger().get("alpha-1")).toMatchObject({ merged: 9, batches: 9 });
  const raised = second.central.alarms().map(({ rule }) => rule);
  expect(raised).toContain("store_rolled_back");
  await second.stop();
}

async function started(
  makeLog: MakeLog,
  store?: Awaited<ReturnType<LoggedCentral["crash"]>>,
): Promise<LoggedCentral> {
  const logged = await LoggedCentral.start(makeLog, store === undefined ? {} : { store });
  onTestFinished(async () => void (await logged.crash()));
  return logged;
}

async function welcomed(logged: LoggedCentral, site: string): Promise<ScriptedAgent> {
  const agent = logged.agent(site);
  agent.hello();
  await expect.poll(() => agent.welcome, LIMITS).toBeDefined();
  return agent;
}

/** On a full second: all of a test is in the windows that it means. */
function someSecondsAgo(): number {
  return Math.floor(systemClock.nowMs() / 3_000) * 3_000 - 6_000;
}

function alarmAt(step: number, site: string): AlarmEvent {
  return {
    id: "1",
    step,
    rule: "overheating",
    metric: "t",
    labels: { site },
    severity: 900,
    isActive: step % 2 === 1,
    isLatched: false,
    isHistorical: false,
    activeAtMs: 1_700_000_000_000,
    clearedAtMs: null,
    timeMs: 1_700_000_000_000 + step,
    value: step,
    limit: 80,
    action: "none",
    command: null,
    message: "too hot",
  };
}
