// What becomes of commands is on record: at each broker, repetitions counted.
import type { PublishOutcome } from "@millrace/detect";
import { MemoryLogger, Metrics, systemClock } from "@millrace/runtime";
import { expect, test } from "vitest";
import { parseJson } from "../durability/agent-store.ts";
import { renderAudit } from "../commands/render-audit.ts";
import { renderDelivery } from "../commands/status.ts";
import { AlarmDesk } from "./alarm-desk.ts";
import type { CommandManner, CommandResult } from "./command-publisher.ts";

const COMMAND: PublishOutcome = {
  type: "publish",
  alarmId: "hot-1",
  rule: "hot",
  commandId: "hot-1.1",
  attempt: 1,
  topic: "m/command",
  payload: "{}",
  validUntilMs: 0,
  latencyMs: 1,
  responseTopic: null,
};

test("how long a command is valid goes with it to the brokers", () => {
  const manners: CommandManner[] = [];
  const { desk } = deskWith([], (manner) => manners.push(manner));
  desk.handle([{ ...COMMAND, validUntilMs: 11_000 }]);
  expect(manners).toMatchObject([{ validUntilMs: 11_000 }]);
});

function deskWith(results: readonly CommandResult[], sent: (manner: CommandManner) => void = () => {}) {
  let auditedCount = 0;
  const desk = new AlarmDesk({
    clock: { ...systemClock, nowMs: () => 1_000 },
    log: new MemoryLogger(),
    metrics: new Metrics(),
    isMeasured: () => true,
    auditNumber: 0,
    publish: async (_topic, _payload, manner) => {
      sent(manner);
      for (const result of results) manner.told?.(result);
    },
    publishFailed: () => {},
    audited: () => (auditedCount += 1),
  });
  const audits = () => {
    const changes: Parameters<AlarmDesk["drainInto"]>[0] = [];
    desk.drainInto(changes);
    return changes.flatMap((change) => (change.type === "put" ? [parseJson(change.value)] : []));
  };
  return { desk, audits, auditedCount: () => auditedCount };
}

test("what became of a command at each broker is in the audit trail, the status and the metrics", () => {
  const { desk, audits, auditedCount } = deskWith([
    { input: "broker", reason: null },
    { input: "mqtt", reason: "not connected" },
  ]);
  desk.handle([COMMAND]);
  desk.handle([{ ...COMMAND, attempt: 2 }]);
  expect(auditedCount()).toBe(4);
  const lines = audits();
  expect(lines.slice(0, 2)).toEqual([
    {
      atMs: 1_000,
      delivery: "hot-1.1",
      topic: "m/command",
      attempt: 1,
      input: "broker",
      isTaken: true,
      reason: null,
    },
    {
      atMs: 1_000,
      delivery: "hot-1.1",
      topic: "m/command",
      attempt: 1,
      input: "mqtt",
      isTaken: false,
      reason: "not connected",
    },
  ]);
  expect(lines.map((line) => renderAudit(Object(line)))).toEqual([
    "1970-01-01T00:00:01.000Z  command hot-1.1 to m/command, attempt 1: broker has it",
    "1970-01-01T00:00:01.000Z  command hot-1.1 to m/command, attempt 1: mqtt has it NOT: not connected",
    "1970-01-01T00:00:01.000Z  command hot-1.1 to m/command, attempt 2: broker has it",
    "1970-01-01T00:00:01.000Z  command hot-1.1 to m/command, attempt 2: mqtt has it NOT: not connected",
  ]);
  expect(desk.deliveries.list().map((delivery) => renderDelivery(delivery, 3_000))).toEqual([
    "commands   broker took 2",
    "commands   mqtt took 0, did not take 2: NOT the last one, 2.0 s ago to m/command (not connected)",
  ]);
});
