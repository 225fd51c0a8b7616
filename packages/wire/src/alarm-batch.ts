import type { ActionState, AlarmEvent, CommandRecord } from "./alarm-event.ts";
import { JsonFields, parseJsonBytes } from "./json-fields.ts";
import type { Parsed } from "./parsed.ts";
import { BODY_BYTES_RAW_MAX } from "./sealed-batch.ts";

/** Most events in one batch of kind `alarms`. */
export const ALARM_EVENTS_MAX = 4096;
const NAME_LENGTH_MAX = 512;
const TEXT_LENGTH_MAX = 8192;
const LABEL_BOUNDS = { countMax: 64, nameLengthMax: NAME_LENGTH_MAX } as const;
const ACTION_STATES: readonly ActionState[] = [
  "none",
  "dry_run",
  "commanded",
  "confirmed",
  "retrying",
  "unconfirmed",
];

/** The body of a batch of kind `alarms`: a JSON array, UTF-8. */
export function encodeAlarmBatch(events: readonly AlarmEvent[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(events));
}

/** Never throws. One unsound event rejects the batch: an agent writes all or none of it. */
export function decodeAlarmBatch(bytes: Uint8Array): Parsed<AlarmEvent[]> {
  const json = parseJsonBytes(bytes, BODY_BYTES_RAW_MAX);
  if (!json.ok) return json;
  const fields = new JsonFields({ alarms: json.message });
  return fields.result(fields.list("alarms", ALARM_EVENTS_MAX, readEvent));
}

function readEvent(fields: JsonFields): AlarmEvent {
  const command = fields.objectOrNull("command");
  return {
    id: fields.text("id", NAME_LENGTH_MAX),
    step: fields.integer("step", 0),
    rule: fields.text("rule", NAME_LENGTH_MAX),
    metric: fields.text("metric", NAME_LENGTH_MAX),
    labels: fields.record("labels", LABEL_BOUNDS, isText),
    severity: fields.finite("severity"),
    isActive: fields.flag("isActive"),
    isLatched: fields.flag("isLatched"),
    isHistorical: fields.flag("isHistorical"),
    activeAtMs: fields.integer("activeAtMs"),
    clearedAtMs: fields.integerOrNull("clearedAtMs"),
    timeMs: fields.integer("timeMs"),
    value: fields.finite("value"),
    limit: fields.finite("limit"),
    action: fields.oneOf("action", ACTION_STATES),
    command: command === null ? null : readCommand(command),
    message: fields.text("message", TEXT_LENGTH_MAX),
    ...(fields.has("level") ? { level: fields.text("level", NAME_LENGTH_MAX) } : {}),
    ...(fields.has("unit") ? { unit: fields.text("unit", NAME_LENGTH_MAX) } : {}),
    ...(fields.has("isSuppressed") && fields.flag("isSuppressed") ? { isSuppressed: true } : {}),
    ...(fields.has("heldBack") ? { heldBack: fields.text("heldBack", NAME_LENGTH_MAX) } : {}),
    ...(fields.has("endReason") ? { endReason: fields.text("endReason", NAME_LENGTH_MAX) } : {}),
    ...(fields.has("by") ? { by: fields.text("by", TEXT_LENGTH_MAX) } : {}),
  };
}

function readCommand(fields: JsonFields): CommandRecord {
  return {
    id: fields.text("id", NAME_LENGTH_MAX),
    topic: fields.text("topic", TEXT_LENGTH_MAX),
    payload: fields.text("payload", TEXT_LENGTH_MAX),
    attempt: fields.integer("attempt", 0),
    commandedAtMs: fields.integer("commandedAtMs"),
    confirmedAtMs: fields.integerOrNull("confirmedAtMs"),
    latencyMs: fields.finite("latencyMs"),
  };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= NAME_LENGTH_MAX;
}
