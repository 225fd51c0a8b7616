import type { WindowResult } from "@millrace/stream";
import { isObject } from "./is-object.ts";
import type {
  AgentView,
  AlarmView,
  Delta,
  LedgerView,
  MetricView,
  PipelineView,
  Snapshot,
  WindowView,
} from "./live-frames.ts";

/** A snapshot from its SSE data; `null` when it is not one. Items that do not read as what they should be are left out. */
export function parseSnapshot(data: string): Snapshot | null {
  const frame = parseObject(data);
  if (frame === null || !isNumber(frame["seq"]) || !isNumber(frame["serverTimeMs"])) return null;
  return {
    seq: frame["seq"],
    serverTimeMs: frame["serverTimeMs"],
    isControlAllowed: frame["isControlAllowed"] === true,
    pipeline: pipelineOf(frame["pipeline"]),
    agents: itemsOf(frame["agents"], isAgent),
    alarms: itemsOf(frame["alarms"], isAlarm),
    windows: itemsOf(frame["windows"], isWindowResult),
    ledger: isLedger(frame["ledger"]) ? frame["ledger"] : { received: 0, merged: 0, tooLate: 0 },
  };
}

/** A delta from its SSE data; `null` when it is not one. */
export function parseDelta(data: string): Delta | null {
  const frame = parseObject(data);
  if (frame === null || !isNumber(frame["seq"]) || !isNumber(frame["serverTimeMs"])) return null;
  return {
    seq: frame["seq"],
    serverTimeMs: frame["serverTimeMs"],
    agents: itemsOf(frame["agents"], isAgent),
    alarms: itemsOf(frame["alarms"], isAlarm),
    windows: itemsOf(frame["windows"], isWindowResult),
    ...(isNumber(frame["truncated"]) ? { truncated: frame["truncated"] } : {}),
    ...(isLedger(frame["ledger"]) ? { ledger: frame["ledger"] } : {}),
  };
}

function pipelineOf(value: unknown): PipelineView {
  if (!isObject(value)) return { metrics: [], windows: [] };
  return { metrics: itemsOf(value["metrics"], isMetric), windows: itemsOf(value["windows"], isWindow) };
}

function parseObject(data: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(data);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function itemsOf<T>(value: unknown, isItem: (item: unknown) => item is T): T[] {
  return Array.isArray(value) ? value.filter(isItem) : [];
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isNumberOrNull(value: unknown): value is number | null {
  return value === null || isNumber(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isMetric(item: unknown): item is MetricView {
  return (
    isObject(item) &&
    isText(item["name"]) &&
    isText(item["unit"]) &&
    (item["records"] === undefined || (isObject(item["records"]) && isText(item["records"]["stream"])))
  );
}

function isWindow(item: unknown): item is WindowView {
  return (
    isObject(item) &&
    isText(item["name"]) &&
    isText(item["metric"]) &&
    isNumber(item["sizeMs"]) &&
    item["sizeMs"] > 0 &&
    isNumber(item["slideMs"]) &&
    item["slideMs"] > 0 &&
    Array.isArray(item["by"])
  );
}

function isAgent(item: unknown): item is AgentView {
  return (
    isObject(item) &&
    isText(item["agent"]) &&
    isText(item["site"]) &&
    isText(item["state"]) &&
    isNumberOrNull(item["lastSeenMs"]) &&
    isNumberOrNull(item["watermarkMs"]) &&
    isNumberOrNull(item["clockOffsetMs"]) &&
    Array.isArray(item["pending"]) &&
    (item["maintenance"] === undefined || isMaintenance(item["maintenance"])) &&
    isObject(item["status"])
  );
}

function isMaintenance(value: unknown): value is NonNullable<AgentView["maintenance"]> {
  return (
    Array.isArray(value) &&
    value.every(
      (item: unknown) =>
        isObject(item) &&
        isObject(item["labels"]) &&
        isNumber(item["sinceMs"]) &&
        isNumber(item["untilMs"]) &&
        isText(item["by"]),
    )
  );
}

function isAlarm(item: unknown): item is AlarmView {
  return (
    isObject(item) &&
    isText(item["id"]) &&
    isText(item["agent"]) &&
    isText(item["site"]) &&
    isText(item["rule"]) &&
    isText(item["metric"]) &&
    isText(item["action"]) &&
    isNumber(item["step"]) &&
    isNumber(item["severity"]) &&
    isNumber(item["activeAtMs"]) &&
    isNumber(item["value"]) &&
    isNumber(item["limit"]) &&
    isNumberOrNull(item["clearedAtMs"]) &&
    isObject(item["labels"]) &&
    (item["evidence"] === undefined || isRecordEvidence(item["evidence"])) &&
    (item["window"] === undefined || isAlarmWindow(item["window"]))
  );
}

function isAlarmWindow(value: unknown): value is NonNullable<AlarmView["window"]> {
  return (
    isObject(value) &&
    isText(value["name"]) &&
    isText(value["value"]) &&
    isNumber(value["startMs"]) &&
    isNumber(value["endMs"]) &&
    isNumber(value["agentsExpected"]) &&
    isNumber(value["agentsReporting"]) &&
    Array.isArray(value["agentsMissing"])
  );
}

function isRecordEvidence(value: unknown): value is NonNullable<AlarmView["evidence"]> {
  return (
    Array.isArray(value) &&
    value.every(
      (item: unknown) =>
        isObject(item) &&
        isText(item["id"]) &&
        isNumber(item["timeMs"]) &&
        isObject(item["labels"]) &&
        isNumber(item["value"]),
    )
  );
}

function isWindowResult(item: unknown): item is WindowResult {
  return (
    isObject(item) &&
    isText(item["window"]) &&
    isText(item["metric"]) &&
    isText(item["state"]) &&
    isNumber(item["startMs"]) &&
    isNumber(item["endMs"]) &&
    isNumber(item["revision"]) &&
    isNumber(item["updatedAtMs"]) &&
    isObject(item["group"]) &&
    isObject(item["values"]) &&
    isObject(item["completeness"]) &&
    Array.isArray(item["completeness"]["agentsMissing"]) &&
    Array.isArray(item["completeness"]["agentsWithLoss"] ?? []) &&
    Array.isArray(item["completeness"]["agentsCoarse"] ?? [])
  );
}

function isLedger(item: unknown): item is LedgerView {
  return (
    isObject(item) && isNumber(item["received"]) && isNumber(item["merged"]) && isNumber(item["tooLate"])
  );
}
