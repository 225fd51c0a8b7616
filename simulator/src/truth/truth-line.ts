import { z } from "zod";
import { businessTruthLines } from "../business/truth/business-truth-line.ts";
import { DAMAGES } from "../delivery/damage-payload.ts";
import { LINK_STATES } from "../link/link-plan.ts";
import { liveOrderSchema } from "../live/live-order.ts";
import { METRICS } from "../plan/metric.ts";
import { MACHINE_STATES } from "../plant/duty-cycle.ts";

/**
 * The truth, one JSON object a line, in order of happening. Times are event time in ms but for `at` and commands, which
 * carry the simulator's clock. A reading's number is its place among all readings of the file, from 1; a reading's line
 * is written before it is sent.
 */
const machine = { site: z.string(), line: z.string(), machine: z.string() };
const metric = z.enum(METRICS);

const header = z.object({
  type: z.literal("run"),
  version: z.literal(1),
  seed: z.number(),
  /** The plan's own text: with seed, starts and the commands below, all that the bytes depend on. */
  plan: z.string(),
  /** Event time of the plant's first start: the plan's seconds count from here. */
  plantStart: z.number(),
  /** Event time of this process' start; later than `plantStart` when the file goes on after a crash. */
  start: z.number(),
  /** Event time of the records' start, where they go on as an earlier process left them. Absent: they begin at `start`. */
  recordsStart: z.number().optional(),
  readingsPerSecond: z.number(),
  sites: z.array(z.string()),
  /** Names of the rules that the truth applies. */
  rules: z.array(z.string()),
});
const reading = z.object({
  type: z.literal("reading"),
  ...machine,
  metric,
  time: z.number(),
  value: z.number(),
  /** When the clock that gave `time` is wrong. */
  trueTime: z.number().optional(),
  /** By a clock that was set back its time and value are those of an earlier one: nobody can tell it from a repetition. */
  isRepeated: z.literal(true).optional(),
  /** Its payload does not say its time: it counts at its arrival, in no window that the truth could name. */
  isTimeless: z.literal(true).optional(),
});
/** By the plan's rules this reading must raise an alarm, or return it to normal. */
const alarm = z.object({
  type: z.enum(["alarm", "cleared"]),
  rule: z.string(),
  ...machine,
  metric,
  time: z.number(),
  value: z.number(),
  trueTime: z.number().optional(),
  limit: z.number(),
});
const command = z.object({
  type: z.literal("command"),
  ...machine,
  id: z.string(),
  time: z.number(),
  /** How many ticks of machines the run had gone through: the command has its effect after them. */
  step: z.number(),
  command: z.enum(["stop", "start"]).optional(),
  /** repeated: it stood, or worked, already; refused: a start without power or shift, or in maintenance. */
  outcome: z.enum(["obeyed", "repeated", "refused", "expired", "malformed"]),
});
const state = z.object({
  type: z.literal("state"),
  ...machine,
  state: z.enum(MACHINE_STATES),
  time: z.number(),
});
/** What a person ordered while the run went on, after so many ticks of machines; by the simulator's clock. */
const live = z.object({
  type: z.literal("live"),
  time: z.number(),
  step: z.number(),
  order: liveOrderSchema,
});
/** A line between a site and central, from this event time on. */
const link = z.object({
  type: z.literal("link"),
  site: z.string(),
  state: z.enum(LINK_STATES),
  time: z.number(),
});
/** A step of a fault of the plan, or of one that was ordered; `number` is its place there, from 1. `full`: it grows no more. */
const fault = z.object({
  type: z.literal("fault"),
  fault: z.string(),
  number: z.number(),
  step: z.enum(["onset", "full", "end"]),
  time: z.number(),
  site: z.string(),
  line: z.string().optional(),
  machine: z.string().optional(),
  metrics: z.array(metric),
});
/** Published to the topic's last level `waveform/<time>`: little-endian 32-bit floats, m/s². Not counted among the readings. */
const waveform = z.object({
  type: z.literal("waveform"),
  ...machine,
  time: z.number(),
  sampleHz: z.number(),
  samples: z.number(),
  rotationHz: z.number(),
  sha256: z.string(),
});
/**
 * A message that does not simply come, at once and once. `readings` by their numbers; `due` and `again` are the event
 * times at which it and its copy arrive.
 */
const delivery = z.object({
  type: z.literal("delivery"),
  site: z.string(),
  readings: z.array(z.number()),
  due: z.number(),
  again: z.number().optional(),
  isLost: z.literal(true).optional(),
  /** What comes instead: none of its readings does, and it counts as one that was rejected. */
  malformed: z.enum(DAMAGES).optional(),
});
/** The end of generating, at this tick: what was on its way, or waited for its message to be full, comes at once. */
const rest = z.object({ type: z.literal("rest"), step: z.number() });
/** QoS 0: they were sent just before the connection was lost, and nobody knows whether they arrived. */
const unsure = z.object({ type: z.literal("unsure"), readings: z.array(z.number()) });
/** When a late message left, by the simulator's clock. */
const sent = z.object({ type: z.literal("sent"), readings: z.array(z.number()), at: z.number() });
/**
 * Every reading up to this number is acknowledged. Written about once a second. `left`, where it is another: every one up to
 * that is, but for those that the plan holds back.
 */
const acked = z.object({
  type: z.literal("acked"),
  through: z.number(),
  left: z.number().optional(),
  at: z.number(),
});
/** One reading that was never acknowledged before the end. */
const unacked = z.object({ type: z.literal("unacked"), number: z.number() });
const end = z.object({
  type: z.literal("end"),
  at: z.number(),
  generated: z.number(),
  acked: z.number(),
  /** As the plan wanted it. */
  lost: z.number().optional(),
  commands: z.number(),
  /** Connections lost and made again: what was spoilt may have come, and have been counted, twice. */
  reconnects: z.number().optional(),
});

const truthLine = z.discriminatedUnion("type", [
  header,
  reading,
  alarm,
  command,
  live,
  link,
  state,
  fault,
  waveform,
  delivery,
  rest,
  sent,
  unsure,
  acked,
  unacked,
  end,
  ...businessTruthLines,
]);

export type TruthLine = z.infer<typeof truthLine>;
export type TruthHeader = z.infer<typeof header>;
export type TruthCommand = z.infer<typeof command>;
export type TruthDelivery = z.infer<typeof delivery>;
export type TruthReading = z.infer<typeof reading>;
export type TruthAlarm = z.infer<typeof alarm>;

export function formatTruthLine(line: TruthLine): string {
  if (line.type === "reading") return formatReading(line);
  return `${JSON.stringify(line)}\n`;
}

/** The same text as JSON's own, in a third of its time: nearly all lines are readings. Names need no escapes. */
function formatReading(reading: TruthReading): string {
  const { site, line, machine, metric, time, value, trueTime, isRepeated, isTimeless } = reading;
  const further =
    (trueTime === undefined ? "" : `,"trueTime":${trueTime}`) +
    (isRepeated === undefined ? "" : ',"isRepeated":true') +
    (isTimeless === undefined ? "" : ',"isTimeless":true');
  return `{"type":"reading","site":"${site}","line":"${line}","machine":"${machine}","metric":"${metric}","time":${time},"value":${value}${further}}\n`;
}

/** Undefined for a torn line, as a killed process leaves one; its reading was never sent. */
export function parseTruthLine(text: string): TruthLine | undefined {
  try {
    return truthLine.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
