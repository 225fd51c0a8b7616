import { loadAgentConfig } from "@millrace/config";
import { type Command, MillraceError, plainText, reasonOf, systemClock } from "@millrace/runtime";
import { lastEndText } from "../durability/last-end.ts";
import type { StatusPage } from "../status/status-server.ts";
import { agentUrl } from "../status/agent-url.ts";
import { CONFIG_FLAG } from "./config-flag.ts";
import { labelText } from "./labels-flag.ts";
import { renderClock } from "./render-clock.ts";
import { renderQuarantined } from "./render-quarantined.ts";
import { seriesText } from "./series-text.ts";

/** `millrace-agent status`: asks the running agent and prints what it sees, queues and has lost. */
export const statusCommand: Command = {
  summary: "show what the running agent sees, queues and has lost",
  flags: { config: CONFIG_FLAG, json: { type: "switch", summary: "print JSON" } },
  async run({ flags, output }) {
    const { config } = loadAgentConfig(flags.requiredText("config"), { toleratesFiles: true });
    const url = `${agentUrl(config)}/status`;
    const first = await fetchStatus(url);
    if (flags.isOn("json")) {
      output.out(`${JSON.stringify(first, null, 2)}\n`);
      return;
    }
    const firstAtMs = systemClock.monotonicMs();
    await new Promise<void>((resolve) => systemClock.after(RATE_OVER_MS, resolve));
    const page = await fetchStatus(url);
    const earlier = { inputs: first.inputs, agoMs: systemClock.monotonicMs() - firstAtMs };
    output.out(`${renderStatus(page, url, earlier)}\n`);
  },
};

/** An earlier look at the inputs, for rates. */
export interface EarlierInputs {
  readonly inputs: StatusPage["inputs"];
  readonly agoMs: number;
}

const RATE_OVER_MS = 1_000;
/** Texts of strangers in it are cut before. */
const LINE_LENGTH_MAX = 1_000;

/** The running agent's page. Throws `service_unreachable`. */
export async function fetchStatus(url: string): Promise<StatusPage> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    const page: StatusPage = JSON.parse(await response.text());
    return page;
  } catch (error) {
    throw new MillraceError("service_unreachable", { url, reason: reasonOf(error) }, { cause: error });
  }
}

/** The page as text, for a terminal; `url` is where it comes from. */
export function renderStatus(page: StatusPage, url: string, earlier?: EarlierInputs): string {
  const { ledger, link, lanes, clock } = page;
  const rejected = Object.entries(ledger.rejected).filter(([, count]) => count > 0);
  const lines = [
    `${page.agent} at ${page.site}   store ${page.storeId.slice(0, 8)}… epoch ${page.epoch}`,
    ...renderConfiguration(page.configuration),
    "",
    `link       ${link.state}${link.reason === "connected" ? "" : ` (${plainText(link.reason)})`}, for ${seconds(link.sinceMs)}`,
    ...renderClock(page),
    `watermark  ${page.watermarkMs === null ? "no reading yet" : `${seconds(clock.nowMs - page.watermarkMs)} ago`}`,
    ...(page.watermarkHeldBy === null ? [] : [`           ${heldBy(page.watermarkHeldBy)}`]),
    `series     ${
      Object.entries(page.series)
        .map(([metric, count]) => `${metric} ${count}`)
        .join(", ") || "none yet"
    }`,
    ...Object.entries(page.seriesForgotten).map(
      ([metric, count]) => `           ${metric}: ${count} silent ones have made room for others`,
    ),
    ...renderRefusedSeries(page.refusedSeries),
    `disk       ${page.store.failure === null ? "takes writes" : `FAILS: ${plainText(page.store.failure)}`}${renderFree(page.disk)}`,
    `           ${renderHoursLeft(page.disk)}`,
    ...renderLastEnd(page.store.lastEnd),
    ...renderCoarsened(page.disk),
    "",
    "inputs",
    ...page.inputs.flatMap((input) => renderInput(input, earlier)),
    ...Object.entries(page.unavailableSensors).map(
      ([sensor, reason]) => `  ${sensor.padEnd(9)} not available: ${plainText(reason)}`,
    ),
    ...renderSparkplug(page.sparkplug),
    "",
    "lanes      batches     bytes  readings  oldest by event time, waiting for central",
    ...Object.entries(lanes).map(
      ([lane, { queuedBatches, queuedBytes, queuedReadings, oldestMs }]) =>
        `  ${lane.padEnd(8)} ${column(queuedBatches, 7)} ${column(queuedBytes, 9)} ${column(queuedReadings, 9)}  ${oldestMs === null ? "-" : `${seconds(clock.nowMs - oldestMs)} ago`}`,
    ),
    "",
    "ledger     readings",
    `  received ${column(ledger.received, 10)} = aggregated ${ledger.aggregated} + rule only ${ledger.ruleOnly} + duplicate ${ledger.duplicate} + rejected ${rejected.reduce((sum, [, count]) => sum + count, 0)}${ledger.held > 0 ? ` + held ${ledger.held}` : ""}`,
    `  aggregated ${column(ledger.aggregated, 8)} = open ${ledger.open} + queued ${ledger.queued} + forwarded ${ledger.forwarded} + evicted ${ledger.evicted} + damaged ${ledger.damaged}`,
    ...rejected.map(([reason, count]) => `  rejected(${reason}) ${count}`),
    ...renderHeld(page.held),
    ...(ledger.alarmBatchesEvicted > 0 ? [`  batches of alarms evicted ${ledger.alarmBatchesEvicted}`] : []),
    ...(ledger.evidencePartsSealed > 0
      ? [
          `  parts of evidence sealed ${ledger.evidencePartsSealed}, evicted ${ledger.evidencePartsEvicted}, damaged ${ledger.evidencePartsDamaged}`,
        ]
      : []),
    ...(page.recorder === null ? [] : [renderRecorder(page.recorder)]),
    ...renderQuarantine(page, url),
    "",
    ...page.maintenance.map(
      ({ labels, untilMs, by }) =>
        `in maintenance: ${plainText(labelText(labels))}, for ${seconds(untilMs - clock.steadyMs)} more (${plainText(by)})`,
    ),
    ...(page.actionLatency === null ? [] : [renderLatency(page.actionLatency)]),
    ...page.commands.map((delivery) => renderDelivery(delivery, clock.wallMs)),
    ...renderUnseen(page.rules),
    page.alarms.length === 0 ? "no active alarms" : "active alarms",
    ...page.alarms.toSorted((left, right) => right.severity - left.severity).map(renderAlarm),
  ];
  return lines.map((line) => plainText(line, LINE_LENGTH_MAX)).join("\n");
}

/** What waits for the clock. */
function renderHeld({ readings, series, bytes, most }: StatusPage["held"]): readonly string[] {
  if (readings === 0) return [];
  return [
    `  held ${readings} readings of ${series} series (${bytes} bytes): ahead of this agent's clock, which nothing has proven right yet`,
    ...most.map((one) => `    ${plainText(seriesText(one))}  ${one.readings}`),
  ];
}

export function renderRecorder({
  readings,
  readingsMax,
  spanMs,
  shortMs,
  bytesWanted,
  recorded,
  dropped,
  short,
}: NonNullable<StatusPage["recorder"]>): string {
  const lacks =
    bytesWanted === null
      ? ""
      : ` (${seconds(shortMs)} SHORT of recorder.before and after: raise recorder.bytesMax to ${Math.ceil(bytesWanted / 2 ** 20)} MiB or more)`;
  return `  flight recorder: ${readings} of ${readingsMax} readings, the last ${seconds(spanMs)}${lacks}; recordings made ${recorded}, of these without their beginning ${short}, dropped ${dropped}`;
}

/** Which pipeline runs, since when, and what was not taken. */
export function renderConfiguration(configuration: StatusPage["configuration"]): readonly string[] {
  if (configuration === null) return [];
  const { version, source, forMs, by, isOnTrial, isDurable, refused, refusedAgoMs } = configuration;
  const origin = source === "file" ? "of the file" : `pushed by ${plainText(by ?? "")} at central`;
  const marks = [
    ...(isOnTrial ? ["; on trial"] : []),
    ...(isDurable ? [] : ["; NOT DURABLE yet: a restart goes back to the one before"]),
  ];
  const lines = [`pipeline   ${version} ${origin}, for ${seconds(forMs)}${marks.join("")}`];
  if (refused === null) return lines;
  const when = refusedAgoMs === null ? "before this start" : `${seconds(refusedAgoMs)} ago`;
  const what = refused.source === "file" ? "the file" : `${refused.version} of central`;
  const [first, ...rest] = refused.reason.split("\n");
  return [
    ...lines,
    `           REFUSED ${what}, ${when}: ${first}`,
    ...rest.map((line) => `             ${line}`),
  ];
}

/** What comes in; `/metrics` has its bytes. */
const TRAFFIC = ["messages", "requests", "lines"];
const NOT_SHOWN = ["bytes", "acknowledged"];

/** An input with what came in and how fast, whatever else it has counted, and each of its files. */
export function renderInput(input: StatusPage["inputs"][number], earlier?: EarlierInputs): readonly string[] {
  const before = earlier?.inputs.find(({ name }) => name === input.name)?.counts;
  const files = (input.files ?? []).map(({ path, positionBytes, lagBytes, error }) => {
    const read =
      lagBytes === 0
        ? `read to its end, ${positionBytes} bytes`
        : `${lagBytes} bytes behind, at ${positionBytes}`;
    return `    ${plainText(path)}  ${error === null ? read : plainText(error)}`;
  });
  const counted = Object.entries(input.counts)
    .filter(([name, count]) => (count > 0 || TRAFFIC.includes(name)) && !NOT_SHOWN.includes(name))
    .map(([name, count]) => {
      if (earlier === undefined || before === undefined || !TRAFFIC.includes(name))
        return `, ${name} ${count}`;
      // After a restart of the input it counts from zero.
      const perSecond = Math.max(0, (count - (before[name] ?? 0)) / earlier.agoMs) * 1_000;
      return `, ${name} ${count} (${perSecond.toFixed(perSecond < 10 ? 1 : 0)}/s)`;
    });
  const { isConnected, reason } = input;
  const state = !isConnected
    ? `down: ${plainText(reason ?? "")}`
    : reason === null
      ? "open"
      : `open, but ${plainText(reason)}`;
  return [`  ${input.name.padEnd(9)} ${state}${counted.join("")}`, ...files];
}

const VALUE_DIGITS = 7;

/** The labels tell the same rule on two machines apart. */
export function renderAlarm(
  alarm: Pick<
    StatusPage["alarms"][number],
    | "id"
    | "labels"
    | "message"
    | "severity"
    | "activeAtMs"
    | "value"
    | "limit"
    | "action"
    | "clearedAtMs"
    | "isLatched"
    | "isHistorical"
    | "level"
    | "isSuppressed"
    | "heldBack"
  >,
): string {
  const labels = Object.entries(alarm.labels).map(([name, value]) => `${name}=${plainText(value)}`);
  const marks = [
    ...(alarm.clearedAtMs === null ? [] : ["condition over"]),
    ...(alarm.isLatched ? ["latched"] : []),
    ...(alarm.isHistorical ? ["historical"] : []),
    ...(alarm.level === undefined ? [] : [alarm.level]),
    ...(alarm.isSuppressed === true ? ["suppressed"] : []),
    ...(alarm.heldBack === undefined ? [] : [`command held back: ${alarm.heldBack.replaceAll("_", " ")}`]),
    ...(alarm.action === "none" ? [] : [`action ${alarm.action}`]),
  ];
  const { severity, activeAtMs, limit } = alarm;
  // Silence is measured to the microsecond.
  const value = Number(alarm.value.toPrecision(VALUE_DIGITS));
  const what = [
    `severity ${severity}`,
    `since ${new Date(activeAtMs).toISOString()}`,
    ...labels,
    plainText(alarm.message),
    `value ${value}, limit ${limit}`,
    ...marks,
  ];
  return `  ${plainText(alarm.id)}  ${what.join("  ")}`;
}

const OFFLINE_SHOWN_MAX = 10;

/** Edge nodes that are gone, and what was asked of all. */
export function renderSparkplug(sparkplug: StatusPage["sparkplug"]): readonly string[] {
  if (sparkplug === null) return [];
  const { hostId, nodesOnline, nodesOffline, events, nodes } = sparkplug;
  const offline = nodes.filter(({ isOnline }) => !isOnline).slice(0, OFFLINE_SHOWN_MAX);
  const counted = (["sequence_gap", "rebirth_request", "refused_birth", "ndeath", "ddeath"] as const)
    .filter((event) => events[event] > 0)
    .map((event) => `, ${event} ${events[event]}`);
  return [
    "",
    `sparkplug  host ${hostId}: ${nodesOnline} edge nodes online, ${nodesOffline} offline${counted.join("")}`,
    ...offline.map(
      ({ group, node, sinceMs }) => `  offline  ${plainText(`${group}/${node}`)}, for ${seconds(sinceMs)}`,
    ),
    ...(nodesOffline > offline.length ? [`  … and ${nodesOffline - offline.length} more`] : []),
  ];
}

/** What the rules have not judged. */
export function renderUnseen({
  late,
  seriesOverLimit,
  windowsRefused,
}: StatusPage["rules"]): readonly string[] {
  return [
    ...(late > 0 ? [`rules: ${late} readings came too far out of order to be judged`] : []),
    ...(seriesOverLimit > 0
      ? [`rules: ${seriesOverLimit} readings are of more series than a rule may have`]
      : []),
    ...(windowsRefused > 0
      ? [
          `rules on windows: no room for ${windowsRefused} readings; make the windows' panes longer, or group by less`,
        ]
      : []),
  ];
}

/** Who wanted more series than a metric may have. */
export function renderRefusedSeries(refused: StatusPage["refusedSeries"]): readonly string[] {
  return Object.entries(refused).map(
    ([metric, { count, topic, client }]) =>
      `           ${metric} has as many as it may: refused ${count} readings of others, the last from ${plainText(client)}${topic === "" ? "" : ` on ${plainText(topic)}`}`,
  );
}

const REASONS_SHOWN_MAX = 5;

/** What was set aside last for each reason, and where the rest is. */
export function renderQuarantine(
  page: Pick<StatusPage, "quarantine" | "quarantineCount">,
  url: string,
): readonly string[] {
  if (page.quarantineCount === 0) return [];
  const lastOfReason = page.quarantine
    .toReversed()
    .filter(({ reason }, at, all) => all.findIndex((one) => one.reason === reason) === at)
    .slice(0, REASONS_SHOWN_MAX);
  const where = `\`doctor --quarantine\`, or the latest of this run at ${url}`;
  return [
    `  quarantine holds ${page.quarantineCount}: ${where}${lastOfReason.length === 0 ? "" : "; of each reason the last:"}`,
    ...lastOfReason.map((payload) => `    ${renderQuarantined(payload)}`),
  ];
}

function renderLatency({ count, p50, p99, max }: NonNullable<StatusPage["actionLatency"]>): string {
  const [median, high, worst] = [p50, p99, max].map((ms) => ms.toFixed(2));
  return `reading in to command out: p50 ${median} ms, p99 ${high} ms, max ${worst} ms, of the last ${count}`;
}

/** Of the run before, where it was not in order. */
function renderLastEnd(lastEnd: StatusPage["store"]["lastEnd"]): readonly string[] {
  const text = lastEnd === null ? undefined : lastEndText(lastEnd);
  return text === undefined ? [] : [`last end   ${text}`];
}

/** Whether a broker takes the commands. */
export function renderDelivery(
  { input, taken, missed, failing }: StatusPage["commands"][number],
  nowMs: number,
): string {
  const misses = missed === 0 ? "" : `, did not take ${missed}`;
  const why =
    failing === null
      ? ""
      : `: NOT the last one, ${seconds(nowMs - failing.atMs)} ago to ${plainText(failing.topic)} (${plainText(failing.reason)})`;
  return `commands   ${input} took ${taken}${misses}${why}`;
}

function renderFree({ freeBytes, isLow }: StatusPage["disk"]): string {
  if (freeBytes === null) return "";
  return `, ${mebibytes(freeBytes)} free${isLow ? ": LOW, the outbox takes no more" : ""}`;
}

function renderHoursLeft({ bytesLeft, bytesPerHour, hoursLeft }: StatusPage["disk"]): string {
  const room = `room for ${mebibytes(bytesLeft)} of backlog`;
  if (bytesPerHour === null || hoursLeft === null) return `${room}; how long that lasts is not measured yet`;
  return `${room}: ${hoursLeft.toFixed(1)} h of outage at ${mebibytes(bytesPerHour)} an hour, longer once it becomes coarser`;
}

/** Detail that is gone, not readings. */
export function renderCoarsened({ coarsened }: Pick<StatusPage["disk"], "coarsened">): readonly string[] {
  if (coarsened === null) return [];
  const { rows, startMs, endMs } = coarsened;
  const time = `${new Date(startMs).toISOString()} to ${new Date(endMs).toISOString()}`;
  return [
    `           COARSER for want of room, since the start: ${rows} rows merged into others, of ${time}`,
  ];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function heldBy({ metric, labels, idleInMs }: NonNullable<StatusPage["watermarkHeldBy"]>): string {
  return `held by ${plainText(seriesText({ metric, labels }))}, idle in ${seconds(idleInMs)}`;
}

function column(value: number, width: number): string {
  return String(value).padStart(width);
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
