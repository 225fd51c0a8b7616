// Every generated reading reaches the broker in the end, in the same bytes, through lost connections and dead processes;
// machines obey commands in time and no others.
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, MemoryLogger, systemClock, systemRandom } from "@millrace/runtime";
import { SimulatedTime } from "@millrace/testkit";
import { Aedes } from "aedes";
import { afterEach, expect, test, vi } from "vitest";
import { parsePlan } from "./plan/load-plan.ts";
import { Simulation } from "./simulation.ts";
import { RepeatedRun } from "./truth/repeated-run.ts";
import { parseTruthLine, type TruthLine } from "./truth/truth-line.ts";
import { TruthLog } from "./truth/truth-log.ts";
import { recoverTruth } from "./truth/truth-recovery.ts";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function openBroker() {
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const received: string[] = [];
  const waiters: { isMet: () => boolean; resolve: () => void }[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    aedes.handle(socket);
  });
  aedes.on("publish", ({ topic, payload }) => {
    if (!topic.startsWith("factory/")) return;
    received.push(`${topic} ${payload.toString()}`);
    for (const waiter of waiters) if (waiter.isMet()) waiter.resolve();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    aedes.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new Error("invariant: the broker listens on a port");
  return {
    aedes,
    received,
    port: address.port,
    dropConnections() {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
    async until(isMet: () => boolean): Promise<void> {
      if (isMet()) return;
      await new Promise<void>((resolve) => waiters.push({ isMet, resolve }));
    },
  };
}

function planFor(port: number, faults = "") {
  const text = `version: 1
readingsPerSecond: 50
sites: { alpha: { broker: "mqtt://127.0.0.1:${port}", lines: 2, machinesPerLine: 2 } }
publish: { inFlightMax: 20, waitingMax: 500 }
${faults}`;
  return parsePlan(text, "plan.yaml");
}

interface Setting {
  readonly recovery?: Awaited<ReturnType<typeof recoverTruth>>;
  readonly faults?: string;
  readonly clock?: Clock;
}

function simulate(
  port: number,
  truthPath: string,
  { recovery = null, faults = "", clock = systemClock }: Setting = {},
): Simulation {
  const simulation = new Simulation({
    plan: planFor(port, faults),
    truth: new TruthLog(truthPath),
    recovery,
    startMs: Math.max(clock.nowMs(), (recovery?.lastTimeMs ?? 0) + 1),
    forMs: null,
    clock,
    random: systemRandom,
    log: new MemoryLogger(),
  });
  simulation.start();
  return simulation;
}

const newTruth = (): string => join(mkdtempSync(join(tmpdir(), "millrace-sim-")), "truth.jsonl");

function linesOf(path: string): TruthLine[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .map(parseTruthLine)
    .filter((line) => line !== undefined);
}

function messagesOf(path: string): string[] {
  return linesOf(path).flatMap((line) =>
    line.type === "reading"
      ? [
          `factory/${line.site}/${line.line}/${line.machine}/${line.metric} ${JSON.stringify({ [line.metric]: line.value, ts: line.time })}`,
        ]
      : [],
  );
}

test("through dropped connections every reading arrives, and nothing that was not generated", async () => {
  const broker = await openBroker();
  const path = newTruth();
  const simulation = simulate(broker.port, path);
  for (const count of [100, 300, 500]) {
    await broker.until(() => broker.received.length > count);
    broker.dropConnections();
  }
  await broker.until(() => broker.received.length > 700);
  expect(await simulation.drain(10_000)).toBe(true);
  expect(new Set(broker.received)).toEqual(new Set(messagesOf(path)));
  expect(simulation.progress.reconnects).toBeGreaterThanOrEqual(3);
  expect(linesOf(path).at(-1)).toMatchObject({
    type: "end",
    generated: simulation.progress.generated,
    acked: simulation.progress.generated,
  });
});

test("a new process takes over a truth file without an end and sends what may not have arrived", async () => {
  const path = newTruth();
  const first = simulate(1, path); // nothing listens there
  await vi.waitFor(() => expect(first.progress.generated).toBeGreaterThan(50));
  first.stopGenerating();
  const generated = first.progress.generated;

  const broker = await openBroker();
  const second = simulate(broker.port, path, { recovery: await recoverTruth(path) });
  await broker.until(() => broker.received.length > generated + 100);
  expect(await second.drain(10_000)).toBe(true);
  expect(new Set(broker.received)).toEqual(new Set(messagesOf(path)));
  expect(linesOf(path).at(-1)).toMatchObject({ type: "end", acked: second.progress.generated });
  await first.drain(0);
});

test("a machine obeys a stop in time and answers with its state; an expired one it ignores", async () => {
  const broker = await openBroker();
  const path = newTruth();
  const simulation = simulate(broker.port, path);
  await broker.until(() => broker.received.length > 50);
  const command = (machine: string, id: string, validUntil: number): void => {
    const payload = Buffer.from(JSON.stringify({ id, command: "STOP", validUntil }));
    broker.aedes.publish(
      {
        cmd: "publish",
        qos: 1,
        retain: false,
        dup: false,
        topic: `factory/alpha/line-1/${machine}/command`,
        payload,
      },
      () => {},
    );
  };
  command("machine-1", "old", Date.now() - 1);
  command("machine-2", "new", Date.now() + 5_000);
  command("machine-2", "new", Date.now() + 5_000);
  const answers = (): string[] => broker.received.filter((message) => message.includes("/state "));
  await broker.until(() => answers().length >= 2);
  await simulation.drain(10_000);
  expect(answers()).toEqual([
    "factory/alpha/line-1/machine-2/state stopped",
    "factory/alpha/line-1/machine-2/state stopped",
  ]);
  const commands = linesOf(path).flatMap((line) =>
    line.type === "command" ? [`${line.machine} ${line.id} ${line.outcome}`] : [],
  );
  expect(commands).toEqual(["machine-1 old expired", "machine-2 new obeyed", "machine-2 new repeated"]);
});

test("the run that commands have changed is made again from its truth, line by line", async () => {
  const broker = await openBroker();
  const path = newTruth();
  const first = simulate(broker.port, path);
  await broker.until(() => broker.received.length > 50);
  const send = (command: string): void =>
    broker.aedes.publish(
      {
        cmd: "publish",
        qos: 1,
        retain: false,
        dup: false,
        topic: "factory/alpha/line-1/machine-1/command",
        payload: Buffer.from(JSON.stringify({ id: command, command, validUntil: Date.now() + 5_000 })),
      },
      () => {},
    );
  const answers = (): number => broker.received.filter((message) => message.includes("/state ")).length;
  send("STOP");
  await broker.until(() => answers() === 1);
  send("START");
  await broker.until(() => answers() === 2);
  first.stopGenerating();
  // A second process goes on with the file.
  const second = simulate(broker.port, path, { recovery: await recoverTruth(path) });
  await broker.until(() => broker.received.length > first.progress.generated + 100);
  await second.drain(10_000);
  await first.drain(0);

  const truth = linesOf(path);
  expect(truth.flatMap((line) => (line.type === "command" ? [line.outcome] : []))).toEqual([
    "obeyed",
    "obeyed",
  ]);
  const run = new RepeatedRun({ path, record: () => {} });
  expect(truth.map((line) => run.onLine(line)).filter((difference) => difference !== null)).toEqual([]);
  const ofNetwork = truth.filter(({ type }) => type === "acked" || type === "unacked" || type === "end");
  expect(run.lineCount).toBe(truth.length - ofNetwork.length);

  const forged = new RepeatedRun({ path, record: () => {} });
  const at = truth.findIndex((line) => line.type === "reading" && line.machine === "machine-1");
  const differences = truth.map((line, index) =>
    forged.onLine(index === at && line.type === "reading" ? { ...line, value: line.value + 1 } : line),
  );
  expect(differences[at]?.made).toContain('"machine-1"');
});

test("without power, or without its gateway, a site is not connected, and what it said arrives afterwards", async () => {
  const broker = await openBroker();
  const path = newTruth();
  const faults = `faults:
  - { fault: power-cut, site: alpha, at: 300ms, for: 400ms }
  - { fault: gateway-reboot, site: alpha, at: 1s, for: 400ms }
`;
  const startMs = systemClock.nowMs();
  const time = new SimulatedTime(startMs);
  const simulation = simulate(broker.port, path, { faults, clock: time.clock() });
  // The sockets are real: time stands still while they connect, each line's own.
  const connected = (reconnects: number) =>
    vi.waitFor(() => expect(simulation.progress).toMatchObject({ reconnects, connected: { count: 2 } }));
  await connected(0);
  for (const [isOff, reconnects] of [
    [350, 2],
    [1_050, 4],
  ] as const) {
    await time.run(startMs + isOff - time.nowMs);
    expect(simulation.progress.connected.count).toBe(0);
    await time.run(400);
    await connected(reconnects);
  }
  await time.during(simulation.drain(3_600_000));
  const truth = linesOf(path);
  const steps = truth.flatMap((line) => (line.type === "fault" ? [`${line.fault} ${line.step}`] : []));
  expect(steps).toEqual(["power-cut onset", "power-cut end", "gateway-reboot onset", "gateway-reboot end"]);
  const [off, on, away, back] = truth.flatMap((line) => (line.type === "fault" ? [line.time] : []));
  const readings = truth.flatMap((line) => (line.type === "reading" ? [line.time] : []));
  expect(readings.filter((time) => time > off && time < on)).toEqual([]);
  expect(readings.filter((time) => time > away && time < back).length).toBeGreaterThan(100);
  expect(new Set(broker.received.filter((message) => !message.includes("/state ")))).toEqual(
    new Set(messagesOf(path)),
  );
});

test("with nobody to acknowledge, the plant waits at its bound", async () => {
  const simulation = simulate(1, newTruth());
  await vi.waitFor(() => expect(simulation.progress.pauses).toBe(1));
  expect(simulation.progress.waiting).toBeLessThan(500 + 3);
  expect(await simulation.drain(0)).toBe(false);
});
