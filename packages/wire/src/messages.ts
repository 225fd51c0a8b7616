import {
  type Frontier,
  type FrontierLane,
  type Labels,
  type Lane,
  LANES,
  PENDING_RANGES_MAX,
} from "@millrace/stream";
import { JsonFields, parseJsonBytes } from "./json-fields.ts";
import type { Parsed } from "./parsed.ts";
import { AGENT_ID } from "./topics.ts";

/**
 * What agent and central say to each other, beside batches. JSON in MQTT payloads; unknown keys are ignored, so that a
 * newer side can say more. Topics (MQTT 3.1.1; an agent may publish and subscribe only under its own name):
 *
 *   up    millrace/v1/{agent}/hello      Hello      first, after every connect; nothing else is taken before it
 *         millrace/v1/{agent}/batch      SealedBatch bytes (see sealed-batch.ts), QoS 0: the acknowledgement is ours
 *         millrace/v1/{agent}/heartbeat  Heartbeat  every second
 *   down  millrace/v1/{agent}/welcome    Welcome | Refusal
 *         millrace/v1/{agent}/ack        Ack        after the batches are durable at central
 *         millrace/v1/{agent}/echo       Echo       answers each heartbeat: finds half-open links
 */
export interface Hello {
  readonly agent: string;
  readonly site: string;
  /** 32 hex digits: the name of this outbox. */
  readonly storeId: string;
  /** Random name of this process; tells a reconnect from a second holder of the same store. */
  readonly instance: string;
  readonly program: string;
  /** Wire versions that the agent writes, best first. */
  readonly wireVersions: readonly number[];
  /** Epoch of new batches; 0 before central has given one. */
  readonly epoch: number;
  readonly lanes: Readonly<Record<Lane, LaneMarks>>;
  /** The runs that wrote this store, oldest first, this one last; at most RUNS_MAX. Older agents do not say. */
  readonly runs?: readonly StoreRun[];
  readonly clockMs: number;
}

/**
 * One run of a process on a store. Copies of a store have in common what lies before the first run that only one of
 * them has.
 */
export interface StoreRun {
  /** Random name of the process. */
  readonly run: string;
  /** Per lane: the first sequence that it could append itself; 1 where an older program did not say. */
  readonly from: Readonly<Record<Lane, number>>;
}

/** One lane of the outbox, as the agent's disk has it. Sequences begin at 1. */
export interface LaneMarks {
  /** Oldest sequence still held, acknowledged ones included; `next` when the lane is empty. */
  readonly oldest: number;
  /** Greatest sequence that may ever have been sent: durable before the first send. */
  readonly sent: number;
  /** The sequence that the next append takes. */
  readonly next: number;
  /** Acknowledged, as far as the agent knows. Older agents do not say. */
  readonly acked?: number;
  /** Where each epoch begins among the sequences held, ascending: `[{ epoch, from }]`. */
  readonly epochs: readonly { readonly epoch: number; readonly from: number }[];
}

export interface Welcome {
  readonly type: "welcome";
  /** When it differs from the agent's: move every batch above `sent` and not before `epochFrom` to it, then send. */
  readonly epoch: number;
  /**
   * Where a given epoch begins at the earliest, per lane: what lies before is in another copy of the store too and keeps
   * its epoch, to be deduplicated; epoch 0 there means 1. Absent where nothing is known to be shared.
   */
  readonly epochFrom?: Readonly<Record<Lane, number>>;
  readonly wireVersion: number;
  /** Per lane: central holds everything up to here, over all epochs. The agent sends on from the next one. */
  readonly marks: Readonly<Record<FrontierLane, number>> & {
    /** Absent: this central takes no evidence, which stays in the outbox. */
    readonly evidence?: number | undefined;
  };
  /** Null where nobody tells a clock: a Kafka cluster does not. */
  readonly clockMs: number | null;
  /** A heartbeat need not tell a status again that one of the session has told. Older centrals do not say, and need it. */
  readonly keepsStatus?: boolean | undefined;
}

export interface Refusal {
  readonly type: "refusal";
  readonly code: "store_held" | "wire_version" | "unknown_agent" | "malformed_hello";
  readonly reason: string;
  readonly retryAfterMs: number;
}

export interface Ack {
  readonly lane: Lane;
  /** Central holds every sequence of this lane up to here, durably. */
  readonly mark: number;
}

export interface Heartbeat {
  readonly instance: string;
  /** Counts up in one session; comes back in the echo. */
  readonly beat: number;
  readonly sentAtMs: number;
  readonly frontier: Frontier;
  /** What is 0 may be left out. */
  readonly ledger: Readonly<Record<string, number>>;
  /** What the agent wants shown: link, series count, alarms active, outage hours left… Absent: as told before (`keepsStatus`). */
  readonly status?: Readonly<Record<string, number | string | boolean>> | undefined;
  /** To the requests of the last echo. Older agents say none. */
  readonly answers?: readonly RequestAnswer[];
  /** What is in maintenance, the newest first, at most MAINTENANCES_TOLD_MAX; absent: nothing, or an older agent. */
  readonly maintenance?: readonly ToldMaintenance[];
}

/** Series whose alarms are suppressed at the agent and never act: those with all these labels; none means every series. */
export interface ToldMaintenance {
  readonly labels: Labels;
  /** Agent's clock, ms. */
  readonly sinceMs: number;
  /** When it ends by itself. */
  readonly untilMs: number;
  readonly by: string;
}

export interface Echo {
  readonly beat: number;
  readonly clockMs: number | null;
  /** What central asks for, in every echo until a heartbeat answers it; at most REQUESTS_MAX. */
  readonly requests?: readonly AgentRequest[];
}

/** Something that a person at central asks of the agent. It may come more than once and is carried out once. */
export interface AgentRequest {
  /** Random; the answer names it. */
  readonly id: string;
  /**
   * "reset_alarm" un-latches an alarm whose condition is over; "set_pipeline" has the agent run `pipeline`. Of any other
   * kind the agent says `not_understood`.
   */
  readonly kind: string;
  /** Id of the alarm; empty where it is not about one. */
  readonly alarm: string;
  /** Who asks, for the audit trail. */
  readonly by: string;
  /** Only of "set_pipeline". */
  readonly pipeline?: PipelineRequest;
}

/** A pipeline file for an agent; of its text at most PIPELINE_BYTES_MAX. */
export interface PipelineRequest {
  /** The first 12 hex digits of its text's SHA-256. */
  readonly version: string;
  /** Central's clock, ms. */
  readonly pushedAtMs: number;
  /** Its text in UTF-8, compressed, in base64; at most PIPELINE_BODY_LENGTH_MAX. */
  readonly body: string;
}

/** `refused`: the agent goes on as before; `detail` says why. */
export const REQUEST_OUTCOMES = [
  "done",
  "condition_holds",
  "no_such_alarm",
  "not_understood",
  "refused",
] as const;
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

export interface RequestAnswer {
  readonly id: string;
  readonly outcome: RequestOutcome;
  /** For whoever asked; at most ANSWER_DETAIL_LENGTH_MAX characters. Older agents say none. */
  readonly detail?: string;
}

/** Greatest message other than a batch. */
export const MESSAGE_BYTES_MAX = 64 * 1024;
const STORE_ID = /^[0-9a-f]{32}$/;
const NAME_LENGTH_MAX = 128;
const TEXT_LENGTH_MAX = 1024;
const WIRE_VERSIONS_MAX = 16;
/** An epoch is given at each roll-back or clone found; far fewer happen within what an outbox keeps. */
const EPOCHS_MAX = 256;
/** Most runs that a store remembers and a hello tells. */
export const RUNS_MAX = 256;
/** Most requests of one agent that wait for an answer; of them one at a time is for a pipeline. */
export const REQUESTS_MAX = 8;
const EMPTY_LANE: LaneMarks = { oldest: 1, sent: 0, next: 1, epochs: [] };
/** Of the text of a pipeline that is pushed. */
export const PIPELINE_BYTES_MAX = 1024 * 1024;
/** Of the same, packed: it and the other requests fit one message. */
export const PIPELINE_BODY_LENGTH_MAX = 44_000;
export const ANSWER_DETAIL_LENGTH_MAX = 4_096;
const VERSION_TEXT = /^[0-9a-f]{12}$/;
/** Of one agent, in a heartbeat. */
export const MAINTENANCES_TOLD_MAX = 16;
const RECORD_BOUNDS = { countMax: 512, nameLengthMax: NAME_LENGTH_MAX } as const;

export type Message = Hello | Welcome | Refusal | Ack | Heartbeat | Echo;

const encoder = new TextEncoder();

export function encodeMessage(message: Message): Uint8Array {
  return encoder.encode(JSON.stringify(message));
}

export function parseHello(bytes: Uint8Array): Parsed<Hello> {
  return parse(bytes, (fields) => ({
    agent: fields.text("agent", 64, AGENT_ID),
    site: fields.text("site", NAME_LENGTH_MAX),
    storeId: fields.text("storeId", 32, STORE_ID),
    instance: fields.text("instance", NAME_LENGTH_MAX),
    program: fields.text("program", NAME_LENGTH_MAX),
    wireVersions: fields.integers("wireVersions", WIRE_VERSIONS_MAX, 0),
    epoch: fields.integer("epoch", 0, 0xffff_ffff),
    lanes: readLanes(fields.object("lanes")),
    runs: fields.has("runs") ? fields.list("runs", RUNS_MAX, readRun) : undefined,
    clockMs: fields.integer("clockMs"),
  }));
}

export function parseWelcome(bytes: Uint8Array): Parsed<Welcome | Refusal> {
  return parse(bytes, (fields): Welcome | Refusal => {
    const type = fields.oneOf("type", ["welcome", "refusal"]);
    if (type === "refusal") {
      return {
        type,
        code: fields.oneOf("code", ["store_held", "wire_version", "unknown_agent", "malformed_hello"]),
        reason: fields.text("reason", TEXT_LENGTH_MAX),
        retryAfterMs: fields.integer("retryAfterMs", 0),
      };
    }
    return {
      type,
      epoch: fields.integer("epoch", 0, 0xffff_ffff),
      epochFrom: fields.has("epochFrom") ? readSequences(fields.object("epochFrom")) : undefined,
      wireVersion: fields.integer("wireVersion", 0),
      marks: readWelcomeMarks(fields.object("marks")),
      clockMs: fields.integerOrNull("clockMs"),
      keepsStatus: fields.has("keepsStatus") ? fields.flag("keepsStatus") : undefined,
    };
  });
}

export function parseAck(bytes: Uint8Array): Parsed<Ack> {
  return parse(bytes, (fields) => ({ lane: fields.oneOf("lane", LANES), mark: fields.integer("mark", 0) }));
}

export function parseHeartbeat(bytes: Uint8Array): Parsed<Heartbeat> {
  return parse(bytes, (fields) => ({
    instance: fields.text("instance", NAME_LENGTH_MAX),
    beat: fields.integer("beat", 0),
    sentAtMs: fields.integer("sentAtMs"),
    frontier: readFrontier(fields.object("frontier")),
    ledger: fields.record("ledger", RECORD_BOUNDS, isFiniteNumber),
    status: fields.has("status") ? fields.record("status", RECORD_BOUNDS, isStatusValue) : undefined,
    answers: fields.has("answers") ? fields.list("answers", REQUESTS_MAX, readAnswer) : undefined,
    ...(fields.has("maintenance")
      ? { maintenance: fields.list("maintenance", MAINTENANCES_TOLD_MAX, readMaintenance) }
      : {}),
  }));
}

export function parseEcho(bytes: Uint8Array): Parsed<Echo> {
  return parse(bytes, (fields) => ({
    beat: fields.integer("beat", 0),
    clockMs: fields.integerOrNull("clockMs"),
    requests: fields.has("requests") ? fields.list("requests", REQUESTS_MAX, readRequest) : undefined,
  }));
}

function parse<Kind>(bytes: Uint8Array, read: (fields: JsonFields) => Kind): Parsed<Kind> {
  const json = parseJsonBytes(bytes, MESSAGE_BYTES_MAX);
  if (!json.ok) return json;
  const fields = new JsonFields(json.message);
  return fields.result(read(fields));
}

function readRun(fields: JsonFields): StoreRun {
  return { run: fields.text("run", NAME_LENGTH_MAX), from: readSequences(fields.object("from")) };
}

function readRequest(fields: JsonFields): AgentRequest {
  return {
    id: fields.text("id", NAME_LENGTH_MAX),
    kind: fields.text("kind", NAME_LENGTH_MAX),
    alarm: fields.text("alarm", TEXT_LENGTH_MAX),
    by: fields.text("by", NAME_LENGTH_MAX),
    ...(fields.has("pipeline") ? { pipeline: readPipeline(fields.object("pipeline")) } : {}),
  };
}

function readPipeline(fields: JsonFields): PipelineRequest {
  return {
    version: fields.text("version", 12, VERSION_TEXT),
    pushedAtMs: fields.integer("pushedAtMs"),
    body: fields.text("body", PIPELINE_BODY_LENGTH_MAX),
  };
}

function readAnswer(fields: JsonFields): RequestAnswer {
  return {
    id: fields.text("id", NAME_LENGTH_MAX),
    outcome: fields.oneOf("outcome", REQUEST_OUTCOMES),
    ...(fields.has("detail") ? { detail: fields.text("detail", ANSWER_DETAIL_LENGTH_MAX) } : {}),
  };
}

function readMaintenance(fields: JsonFields): ToldMaintenance {
  return {
    labels: fields.record("labels", RECORD_BOUNDS, isText),
    sinceMs: fields.integer("sinceMs"),
    untilMs: fields.integer("untilMs"),
    by: fields.text("by", TEXT_LENGTH_MAX),
  };
}

/** Older sides know of no evidence: of that lane there is nothing. */
function readSequences(fields: JsonFields): Record<Lane, number> {
  const first = byLane(fields, (lanes, lane) => lanes.integer(lane, 1));
  return { ...first, evidence: fields.has("evidence") ? fields.integer("evidence", 1) : 1 };
}

function readLanes(fields: JsonFields): Record<Lane, LaneMarks> {
  const lanes = byLane(fields, (each, lane) => readMarks(each.object(lane)));
  return { ...lanes, evidence: fields.has("evidence") ? readMarks(fields.object("evidence")) : EMPTY_LANE };
}

function readWelcomeMarks(fields: JsonFields): Welcome["marks"] {
  const marks = byLane(fields, (each, lane) => each.integer(lane, 0));
  return fields.has("evidence") ? { ...marks, evidence: fields.integer("evidence", 0) } : marks;
}

function readMarks(fields: JsonFields): LaneMarks {
  const next = fields.integer("next", 1);
  const marks = {
    oldest: fields.integer("oldest", 1, next),
    sent: fields.integer("sent", 0, next - 1),
    next,
    ...(fields.has("acked") ? { acked: fields.integer("acked", 0, next - 1) } : {}),
    epochs: fields.list("epochs", EPOCHS_MAX, (entry) => ({
      epoch: entry.integer("epoch", 0, 0xffff_ffff),
      from: entry.integer("from", 1, next),
    })),
  };
  for (let index = 1; index < marks.epochs.length; index += 1) {
    const [before, after] = [marks.epochs[index - 1], marks.epochs[index]];
    fields.require(before.from < after.from && before.epoch < after.epoch, "epochs", "do not ascend");
  }
  return marks;
}

function readFrontier(fields: JsonFields): Frontier {
  const pending = fields.list("pending", PENDING_RANGES_MAX, (range) => {
    const startMs = range.integer("startMs");
    return { startMs, endMs: range.integer("endMs", startMs + 1) };
  });
  for (let index = 1; index < pending.length; index += 1) {
    fields.require(pending[index - 1].endMs <= pending[index].startMs, "pending", "overlap or do not ascend");
  }
  return {
    epoch: fields.integer("epoch", 0, 0xffff_ffff),
    number: fields.integer("number", 0),
    watermarkMs: fields.integerOrNull("watermarkMs"),
    isIdle: fields.flag("isIdle"),
    isClockSynchronised: fields.flag("isClockSynchronised"),
    pending,
    holds: byLane(fields.object("holds"), (holds, lane) => holds.integer(lane, 0)),
  };
}

function byLane<Value>(
  fields: JsonFields,
  read: (fields: JsonFields, lane: FrontierLane) => Value,
): Record<FrontierLane, Value> {
  return { alarm: read(fields, "alarm"), live: read(fields, "live"), backfill: read(fields, "backfill") };
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isStatusValue(value: unknown): value is number | string | boolean {
  if (typeof value === "string") return value.length <= TEXT_LENGTH_MAX;
  return typeof value === "boolean" || isFiniteNumber(value);
}
