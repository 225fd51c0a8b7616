import { readFileSync } from "node:fs";
import { loadCentralConfig } from "@millrace/config";
import type { Command } from "@millrace/runtime";
import type { LedgerSum } from "../api/central-reader.ts";
import { LIST_LIMIT_MAX } from "../api/list-page.ts";
import type { AgentView } from "../agents/agent-view.ts";
import type { AlarmView } from "../alarms/alarm-view.ts";
import type { LedgerTotals } from "../ledger/central-ledger.ts";
import { pipelineVersion } from "../requests/pipeline-version.ts";
import { completeToMs } from "../records/complete-to-ms.ts";
import type { RecordStreamView } from "../records/record-stream-view.ts";
import type { RecordTotals } from "../records/record-totals.ts";
import type { SinkView } from "../sinks/sink-view.ts";
import { ApiClient } from "./api-client.ts";
import { CONFIG_FLAG, JSON_FLAG } from "./config-flag.ts";
import { count } from "./count.ts";
import { formatTable } from "./table.ts";

export const STATUS_COMMAND: Command = {
  summary: "ask the running central for its agents, ledger, sinks and active alarms",
  flags: { config: CONFIG_FLAG, json: JSON_FLAG },
  async run({ flags, output }) {
    const { config } = loadCentralConfig(flags.requiredText("config"), { toleratesFiles: true });
    const client = new ApiClient(config);
    const { body: health } = await client.ask("/readyz");
    const { agents } = await client.get<{ agents: AgentView[] }>("/api/v1/agents");
    const ledger = await client.get<{ sum: LedgerSum; agents: Record<string, LedgerTotals> }>(
      "/api/v1/ledger",
    );
    const { sinks } = await client.get<{ sinks: SinkView[] }>("/api/v1/sinks");
    const alarms = await activeAlarms(client);
    const { streams } = await client.get<{ streams: RecordStreamView[] }>("/api/v1/records");
    if (flags.isOn("json")) {
      const page = { health, agents, ledger, records: streams, sinks, alarms };
      output.out(`${JSON.stringify(page, null, 2)}\n`);
      return isReady(health) ? 0 : 1;
    }
    const rows = agents.map((view) => {
      const totals = ledger.agents[view.agent];
      const rejected = Object.values(totals?.rejected ?? {}).reduce((sum, count) => sum + count, 0);
      return [
        view.agent,
        view.site,
        view.state,
        time(view.lastSeenMs),
        time(view.watermarkMs),
        pipelineOf(view.status),
        String(view.pending.length),
        String(view.agentRejected ?? 0),
        String(totals?.received ?? 0),
        String(totals?.merged ?? 0),
        String(totals?.tooLate ?? 0),
        String(totals?.unwindowed ?? 0),
        String(totals?.unreadable ?? 0),
        String((totals?.future ?? 0) + (totals?.foreignSite ?? 0)),
        String(totals?.skipped ?? 0),
        String(rejected),
        String(totals?.evidence ?? 0),
      ];
    });
    output.out(
      formatTable(
        [
          "agent",
          "site",
          "state",
          "last seen",
          "complete to",
          "pipeline",
          "pending",
          "agent rejected",
          "received",
          "merged",
          "too late",
          "no window",
          "unreadable",
          "refused",
          "skipped",
          "rejected",
          "evidence",
        ],
        rows,
      ),
    );
    output.out(damageText(ledger.sum) + logLossText(ledger.sum));
    output.out(pipelineText(agents, ledger.agents, versionAt(config.pipelinePath)));
    output.out(maintenanceText(agents));
    for (const sink of sinks) output.out(sinkText(sink));
    if (streams.length > 0) output.out(`\n${recordTable(streams)}`);
    output.out(tooLateText(ledger.agents, streams));
    output.out(alarms.length === 0 ? "\nno active alarms\n" : `\n${activeCount(alarms)}\n`);
    output.out(
      formatTable(
        ["since", "agent", "rule", "labels", "", "message"],
        alarms
          .toSorted((a, b) => Number(a.isHistorical) - Number(b.isHistorical))
          .slice(0, 20)
          .map((alarm) => [
            time(alarm.activeAtMs),
            alarm.agent,
            alarm.rule,
            labelsOf(alarm.labels),
            alarm.isSuppressed === true ? "in maintenance" : alarm.isHistorical ? "historical" : "",
            alarm.message,
          ]),
      ),
    );
    if (isReady(health)) return 0;
    output.err(`central is not ready${reasonIn(health)}\n`);
    return 1;
  },
};

/** For as long as the totals are: they count what is gone. Empty where nothing is. */
export function damageText({ storeDamaged }: Pick<LedgerSum, "storeDamaged">): string {
  if (storeDamaged === undefined) return "";
  const { firstAtMs, lastAtMs } = storeDamaged;
  const since = lastAtMs === firstAtMs ? "" : `, before that since ${time(firstAtMs)}`;
  return `\ncentral's store was damaged, found ${time(lastAtMs)}${since}: some of what is counted above may be gone from windows that begin before then\n`;
}

/** What of the log never came; empty where all did. */
export function logLossText({ logLost }: Pick<LedgerSum, "logLost">): string {
  if (logLost === undefined) return "";
  const { records, untilMs, lastAtMs } = logLost;
  return `\n${records} records of the log were gone before they were read, found ${time(lastAtMs)}: windows that begin before ${time(untilMs)} may lack some, and nothing above counts them\n`;
}

/** Metrics of which some came too late for all their windows, whatever other metrics' windows made of the same records. */
export function tooLateText(
  agents: Readonly<Record<string, Pick<LedgerTotals, "tooLateByMetric">>>,
  streams: readonly { readonly stream: string; readonly totals: Pick<RecordTotals, "tooLateByMetric"> }[],
): string {
  const of = [
    ...Object.entries(agents).map(([agent, totals]) => ({ source: `agent ${agent}`, ...totals })),
    ...streams.map(({ stream, totals }) => ({ source: `records ${stream}`, ...totals })),
  ];
  return of
    .flatMap(({ source, tooLateByMetric }) =>
      Object.entries(tooLateByMetric).map(
        ([metric, values]) =>
          `\n${count(values, "value")} of metric ${metric} of ${source} came too late for all its windows\n`,
      ),
    )
    .join("");
}

/** How a sink is doing. */
export function sinkText({
  sink,
  state,
  waiting,
  owed,
  owedMs,
  outcomes: { written, expired },
  reason,
}: Pick<SinkView, "sink" | "state" | "waiting" | "owed" | "owedMs" | "outcomes" | "reason">): string {
  const old = expired === 0 ? "" : `, ${expired} passed over: they ended longer ago than its retention`;
  const behind = owedMs === 0 ? "" : `, behind for ${Math.round(owedMs / 1_000)} s`;
  const left = owed === 0 ? "" : `, ${owed} still to be read from the history`;
  const why = reason === "" ? "" : `; ${reason}`;
  return `\nsink ${sink} is ${state}: ${count(written, "revision")} written, ${waiting} waiting${left}${behind}${old}${why}\n`;
}

/**
 * Agents that run another pipeline file than central's, and readings of theirs that are in no window for it. `own`: null
 * where nobody can say. Empty where all is one.
 */
export function pipelineText(
  agents: readonly Pick<AgentView, "agent" | "state" | "status">[],
  totals: Readonly<Record<string, Pick<LedgerTotals, "unwindowed">>>,
  own: string | null,
): string {
  return agents
    .flatMap(({ agent, state, status }) => {
      const unwindowed = totals[agent]?.unwindowed ?? 0;
      const { pipelineVersion: version } = status;
      const isOther =
        own !== null &&
        state !== "retired" &&
        typeof version === "string" &&
        version !== "" &&
        version !== own;
      const lost =
        unwindowed === 0
          ? ""
          : `${count(unwindowed, "reading")} of agent ${agent} are in no window: central's pipeline has none for their metric`;
      const other = isOther ? `agent ${agent} runs pipeline ${version}, central's file is ${own}` : "";
      const text = [lost, other].filter((part) => part !== "").join("; ");
      return text === "" ? [] : [`\n${text}\n`];
    })
    .join("");
}

/** Of the file as it is now. */
function versionAt(path: string): string | null {
  try {
    return pipelineVersion(readFileSync(path));
  } catch {
    return null;
  }
}

/** What is in maintenance at all agents; empty where nothing is. */
export function maintenanceText(agents: readonly Pick<AgentView, "agent" | "maintenance">[]): string {
  const rows = agents.flatMap(({ agent, maintenance = [] }) =>
    maintenance.map(({ labels, sinceMs, untilMs, by }) => [
      time(sinceMs),
      time(untilMs),
      agent,
      labelsOf(labels) || "everything",
      by,
    ]),
  );
  if (rows.length === 0) return "";
  return `\nin maintenance\n${formatTable(["since", "until", "agent", "labels", "by"], rows)}`;
}

/** A historical one, of old or replayed readings, may never hear that it is over: it is not active now. */
/** All of them, the latest first. */
async function activeAlarms(client: ApiClient): Promise<AlarmView[]> {
  const alarms: AlarmView[] = [];
  let cursor = "";
  do {
    const query = new URLSearchParams({ active: "true", limit: String(LIST_LIMIT_MAX), cursor });
    const page = await client.get<{ alarms: AlarmView[]; cursor: string | null }>(
      `/api/v1/alarms?${query.toString()}`,
    );
    for (const alarm of page.alarms) alarms.push(alarm);
    cursor = page.cursor ?? "";
  } while (cursor !== "");
  return alarms.sort((a, b) => b.timeMs - a.timeMs || b.receivedAtMs - a.receivedAtMs);
}

function activeCount(alarms: readonly AlarmView[]): string {
  const historicalCount = alarms.filter(({ isHistorical }) => isHistorical).length;
  const active = count(alarms.length - historicalCount, "active alarm");
  return historicalCount === 0 ? active : `${active}, ${historicalCount} historical`;
}

function recordTable(streams: readonly RecordStreamView[]): string {
  const rows = streams.map(({ stream, source, totals, partitions, rows: kept, reading }) => {
    const rejected = Object.values(totals.rejected).reduce((sum, count) => sum + count, 0);
    const lag = Object.values(reading?.lag ?? {}).reduce((sum, count) => sum + count, 0);
    return [
      stream,
      source,
      String(partitions.length),
      time(completeToMs(partitions)),
      reading === null ? "" : String(lag),
      String(totals.received),
      String(totals.aggregated),
      String(totals.unwindowed),
      String(totals.duplicates),
      String(totals.setAside),
      String(totals.tooLate),
      String(totals.noEffect),
      String(rejected),
      String(totals.lost),
      kept === null ? "" : String(kept),
      reading === null || reading.state === "reading"
        ? ""
        : `${reading.state.replaceAll("_", " ")}: ${reading.reason}`,
    ];
  });
  return formatTable(
    [
      "records",
      "source",
      "partitions",
      "complete to",
      "lag",
      "received",
      "aggregated",
      "unwindowed",
      "duplicates",
      "set aside",
      "too late",
      "no effect",
      "rejected",
      "lost",
      "rows",
      "",
    ],
    rows,
  );
}

function isReady(health: unknown): boolean {
  return typeof health === "object" && health !== null && "isReady" in health && health.isReady === true;
}

/** Behind what it is a reason of; empty where none is told. */
export function reasonIn(health: unknown): string {
  const isTold = typeof health === "object" && health !== null && "reason" in health;
  return isTold && typeof health.reason === "string" && health.reason !== "" ? `: ${health.reason}` : "";
}

/** Which one runs, and whether the agent has refused another since. */
function pipelineOf({ pipelineVersion, pipelineRefused }: AgentView["status"]): string {
  if (typeof pipelineVersion !== "string") return "";
  return typeof pipelineRefused === "string" && pipelineRefused !== ""
    ? `${pipelineVersion}, refused ${pipelineRefused}`
    : pipelineVersion;
}

function labelsOf(labels: AlarmView["labels"]): string {
  return Object.entries(labels)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

function time(timeMs: number | null): string {
  return timeMs === null ? "never" : new Date(timeMs).toISOString();
}
