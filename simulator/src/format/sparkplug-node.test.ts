// An edge node as the agent's own host sees it: births, aliases, sequence, deaths, rebirth on request; every reading once.
import {
  parseSparkplugPayload,
  parseSparkplugTopic,
  rebirthCommand,
  SparkplugSessions,
  type SparkplugHearing,
} from "@millrace/wire";
import sparkplug from "sparkplug-payload";
import { expect, test } from "vitest";
import type { TruthReading } from "../truth/truth-line.ts";
import { type SparkplugMessage, SparkplugNode } from "./sparkplug-node.ts";

const NOW_MS = 1_767_225_600_000;
const reading = (machine: string, metric: "temperature" | "pressure", time: number, value: number) =>
  ({ type: "reading", site: "alpha", line: "line-1", machine, metric, time, value }) satisfies TruthReading;

function newNode(): SparkplugNode {
  return new SparkplugNode({ group: "alpha", node: "line-1", metrics: ["temperature", "pressure"] });
}

/** A host that reads everything; its clock stands. */
function newHost() {
  const sessions = new SparkplugSessions<string>({
    reads: () => true,
    bind: ({ device }, name) => (device === null ? [] : [`${device}/${name}`]),
    reorderTimeoutMs: 2_000,
    rebirthIntervalMs: 10_000,
    bounds: {},
  });
  const seen = ({ readings, failures, stale }: SparkplugHearing<string>) => [
    ...readings.map(({ binding, decoded }) =>
      decoded.ok
        ? `${binding}=${decoded.value} at ${(decoded.timeMs ?? 0) - NOW_MS}${decoded.isHistorical === true ? " historical" : ""}`
        : decoded.reason,
    ),
    ...failures.map(({ reason }) => reason),
    ...stale.map(({ binding }) => `${binding} stale`),
  ];
  return {
    sessions,
    hear: (...messages: readonly SparkplugMessage[]) =>
      messages.flatMap(({ topic, payload }) => {
        const parsed = parseSparkplugTopic(topic);
        if (parsed === undefined || parsed.type === "STATE") throw new Error(`no topic of a node: ${topic}`);
        return seen(sessions.hear({ topic: parsed, payload, via: "broker", mayWait: true, nowMs: NOW_MS }));
      }),
    asks: () => sessions.takeRebirths(NOW_MS),
  };
}

test("a device's first data are its birth; later ones go by alias, and nothing is asked for again", () => {
  const [node, host] = [newNode(), newHost()];
  node.will();
  expect(host.hear(...node.births(NOW_MS))).toEqual([]);
  const tick = (time: number) => [
    reading("machine-1", "temperature", NOW_MS + time, 60.5 + time),
    reading("machine-1", "pressure", NOW_MS + time, 6),
  ];
  expect(node.data(tick(0), false, NOW_MS).map(({ topic }) => topic)).toEqual([
    "spBv1.0/alpha/DBIRTH/line-1/machine-1",
  ]);
  const again = newNode();
  again.will();
  const fresh = newHost();
  fresh.hear(...again.births(NOW_MS));
  expect(fresh.hear(...again.data(tick(0), false, NOW_MS))).toEqual([
    "machine-1/temperature=60.5 at 0",
    "machine-1/pressure=6 at 0",
  ]);
  const heard = Array.from({ length: 600 }, (_, index) =>
    fresh.hear(...again.data(tick(index + 1), false, NOW_MS)),
  );
  expect(heard[599]).toEqual(["machine-1/temperature=660.5 at 600", "machine-1/pressure=6 at 600"]);
  expect(heard.flat()).toHaveLength(1_200);
  expect(fresh.asks()).toEqual([]);
});

test("what waited for the connection follows the births, and is historical", () => {
  const [node, host] = [newNode(), newHost()];
  node.will();
  host.hear(...node.births(NOW_MS));
  host.hear(...node.data([reading("machine-1", "temperature", NOW_MS, 60)], false, NOW_MS));
  // The connection is lost: the broker tells the will.
  expect(host.hear(node.death())).toEqual(["machine-1/temperature stale"]);
  const will = node.will();
  host.hear(...node.births(NOW_MS));
  expect(
    host.hear(...node.data([reading("machine-1", "temperature", NOW_MS + 5, 61)], true, NOW_MS)),
  ).toEqual(["machine-1/temperature=61 at 5 historical"]);
  expect(host.asks()).toEqual([]);
  expect(host.hear(will)).toEqual(["machine-1/temperature stale"]);
});

test("a host that missed the births asks for them by the library's own command, and gets them", () => {
  const [node, host] = [newNode(), newHost()];
  node.will();
  node.births(NOW_MS);
  node.data([reading("machine-1", "temperature", NOW_MS, 60)], false, NOW_MS);
  expect(
    host.hear(...node.data([reading("machine-1", "temperature", NOW_MS + 1, 61)], false, NOW_MS)),
  ).toEqual(["no_birth"]);
  host.sessions.tick(NOW_MS + 3_000);
  const [asked] = host.sessions.takeRebirths(NOW_MS + 3_000);
  const command = rebirthCommand(asked, NOW_MS);
  expect(node.isRebirth(command.topic, command.payload)).toBe(true);
  expect(node.isRebirth("factory/alpha/line-1/machine-1/command", command.payload)).toBe(false);
  expect(host.hear(...node.births(NOW_MS))).toEqual(["machine-1/temperature=61 at 1"]);
});

test("Eclipse Tahu's library reads the same, and numbers run from 0 to 255", () => {
  const node = newNode();
  node.will();
  const [birth] = node.births(NOW_MS);
  const read = sparkplug.get("spBv1.0")?.decodePayload(birth.payload);
  expect(read?.metrics?.map(({ name, type }) => [name, type])).toEqual([
    ["bdSeq", "Int64"],
    ["Node Control/Rebirth", "Boolean"],
  ]);
  const numberOf = ({ payload }: SparkplugMessage): number => {
    const parsed = parseSparkplugPayload(payload);
    return parsed.ok ? Number(parsed.message.seq) : -1;
  };
  const numbers = Array.from({ length: 300 }, (_, index) => {
    const [message] = node.data([reading("m", "pressure", NOW_MS + index, 6.25)], false, NOW_MS).slice(-1);
    return numberOf(message);
  });
  expect(numbers).toEqual(Array.from({ length: 300 }, (_, index) => (index + 1) % 256));
  expect(node.births(NOW_MS).map(numberOf)).toEqual([0, 1]);
});
