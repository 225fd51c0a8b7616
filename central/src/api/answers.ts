import type { AlarmEvent, ToldMaintenance } from "@millrace/wire";
import type { Completeness, WindowResult } from "@millrace/stream";
import { z } from "zod";
import type { AgentView } from "../agents/agent-view.ts";
import type { AlarmView } from "../alarms/alarm-view.ts";
import type { LedgerTotals } from "../ledger/central-ledger.ts";
import type { EvidenceView } from "../evidence/evidence-view.ts";
import type { LateEntry } from "../ledger/late-book.ts";
import type { SeriesPage } from "../history/series-page.ts";
import type { QuarantineEntry } from "../ledger/quarantine-entry.ts";
import type { RecordStreamView } from "../records/record-stream-view.ts";
import type { RecordTotals } from "../records/record-totals.ts";
import type { SinkView } from "../sinks/sink-view.ts";
import type { LedgerSum, PipelinePush, PipelineView } from "./central-reader.ts";
import type { RecordMetricView } from "./record-metric-view.ts";
import type { PipelineUse } from "./pipeline-uses.ts";
import type { Problem } from "./problem.ts";
import type { SiteView } from "./site-views.ts";

const ms = z.int();
const count = z.int().min(0);
const text = z.string();
const texts = z.array(text);
const labels = z.record(text, text);
const path = z.array(z.union([text, z.number()]));
const cursor = text.nullable().describe("Where the next page begins; null at the end.");

const completeness = z.strictObject({
  agentsExpected: count,
  agentsReporting: count,
  agentsMissing: texts,
  agentsWithLoss: texts.optional(),
  agentsCoarse: texts.optional(),
  sitesExpected: count,
  sitesReporting: count,
  sitesMissing: texts,
}) satisfies z.ZodType<Completeness>;

const windowResult = z.strictObject({
  window: text,
  metric: text,
  group: labels,
  startMs: ms,
  endMs: ms,
  revision: count.describe("A greater one replaces a smaller one."),
  state: z.enum(["provisional", "complete", "final"]),
  values: z
    .record(text, z.number())
    .describe(
      "By the names that the metric's accumulators give. What would be no finite number, such as a sum beyond 1.8e308, is left out.",
    ),
  top: z
    .array(z.strictObject({ input: z.union([text, z.number()]), count: z.number(), errorMax: z.number() }))
    .optional(),
  mergedIntoMs: ms.optional(),
  beside: z.strictObject({ uncertain: count, bad: count, undeduplicated: count }),
  completeness,
  updatedAtMs: ms,
  isOutdated: z.literal(true).optional(),
  computedAtMs: ms.optional(),
}) satisfies z.ZodType<WindowResult>;

const maintenance = z.strictObject({
  labels,
  sinceMs: ms,
  untilMs: ms,
  by: text,
}) satisfies z.ZodType<ToldMaintenance>;

const agent = z.strictObject({
  agent: text,
  site: text,
  state: z.enum(["connected", "silent", "never_seen", "retired"]),
  lastSeenMs: ms.nullable(),
  watermarkMs: ms.nullable().describe("Its data is complete up to here."),
  isIdle: z.boolean(),
  clockOffsetMs: z.number().nullable(),
  pending: z.array(z.strictObject({ startMs: ms, endMs: ms })),
  agentRejected: z.number().optional(),
  maintenance: z.array(maintenance).optional(),
  evidence: count.optional(),
  status: z.record(text, z.union([z.number(), text, z.boolean()])),
}) satisfies z.ZodType<AgentView>;

const alarm = z.strictObject({
  agent: text,
  site: text,
  receivedAtMs: ms,
  firstReceivedAtMs: ms.optional(),
  id: text,
  step: count,
  rule: text,
  metric: text,
  labels,
  severity: z.number(),
  isActive: z.boolean(),
  isLatched: z.boolean(),
  isHistorical: z.boolean(),
  activeAtMs: ms,
  clearedAtMs: ms.nullable(),
  timeMs: ms,
  value: z.number(),
  limit: z.number(),
  action: z.enum(["none", "dry_run", "commanded", "confirmed", "retrying", "unconfirmed"]),
  command: z
    .strictObject({
      id: text,
      topic: text,
      payload: text,
      attempt: count,
      commandedAtMs: ms,
      confirmedAtMs: ms.nullable(),
      latencyMs: z.number(),
    })
    .nullable(),
  message: text,
  level: text.optional(),
  unit: text.optional(),
  isSuppressed: z.literal(true).optional(),
  heldBack: text.optional(),
  endReason: text.optional(),
  evidence: z.array(z.strictObject({ id: text, timeMs: ms, labels, value: z.number() })).optional(),
  window: z
    .strictObject({
      name: text,
      value: text.describe("Which of its results; empty where it is the silence."),
      startMs: ms,
      endMs: ms,
      revision: count,
      isComplete: z.boolean(),
      agentsExpected: count,
      agentsReporting: count,
      agentsMissing: texts.describe("The first 16."),
    })
    .optional()
    .describe("Of a rule on windows: the one that has raised it, as it was judged last."),
  by: text.optional(),
}) satisfies z.ZodType<AlarmView> & z.ZodType<AlarmEvent>;

const evidence = z.strictObject({
  id: text,
  kind: z.enum(["payload", "recording"]),
  name: text,
  labels,
  startMs: ms,
  endMs: ms,
  contentType: text,
  sha256: text,
  bytes: count,
  partBytes: count,
  alarm: text.optional(),
  agent: text,
  site: text,
  state: z.enum(["incomplete", "checking", "complete"]),
  parts: count,
  partsHeld: count,
  firstAtMs: ms,
  changedAtMs: ms,
}) satisfies z.ZodType<EvidenceView>;

const site = z.strictObject({
  site: text,
  agents: texts,
  states: z.strictObject({ connected: count, silent: count, never_seen: count, retired: count }),
  watermarkMs: ms
    .nullable()
    .describe("All of its agents' data is complete up to here; null while one has told none."),
  activeAlarms: count,
}) satisfies z.ZodType<SiteView>;

const lonLat = z.tuple([z.number(), z.number()]);
const zone = z.strictObject({
  longitude: path,
  latitude: path,
  zones: z.array(
    z.strictObject({
      name: text,
      shape: z.union([
        z.strictObject({ kind: z.literal("circle"), center: lonLat, radiusKm: z.number() }),
        z.strictObject({ kind: z.literal("polygon"), rings: z.array(z.array(lonLat)) }),
        z.strictObject({ kind: z.literal("corridor"), line: z.array(lonLat), withinKm: z.number() }),
      ]),
    }),
  ),
});

const metric = z.strictObject({
  name: text,
  unit: text,
  isLive: z.boolean(),
  accumulate: texts,
  records: (
    z.strictObject({
      stream: text,
      timePath: path,
      path,
      value: z
        .union([
          z.strictObject({ kind: z.literal("identity") }),
          z.strictObject({
            kind: z.literal("since"),
            unit: z.enum(["s", "ms", "us", "ns", "iso"]),
            timeZone: text.nullable(),
          }),
          z.strictObject({ kind: z.literal("position"), latitude: path }),
        ])
        .optional(),
      map: z.record(text, z.number().nullable()).nullable(),
      isOptional: z.boolean(),
      isAdjusted: z.boolean(),
      labels: z.array(z.union([z.strictObject({ name: text, path }), z.strictObject({ name: text, zone })])),
    }) satisfies z.ZodType<RecordMetricView>
  ).optional(),
});

const limitOf = { limit: z.number(), clear: z.number(), forAtLeastMs: ms };
const level = z.strictObject({ limit: z.number(), severity: z.number() }).optional();
const above = z.strictObject({ kind: z.literal("above"), ...limitOf });
const below = z.strictObject({ kind: z.literal("below"), ...limitOf });
const silence = z.strictObject({ kind: z.literal("missing"), forMs: ms, forAtLeastMs: ms });
const place = z.strictObject({ name: text, path });
const ruleOf = { name: text, metric: text, severity: z.number() };
const rule = z.union([
  z.strictObject({
    ...ruleOf,
    on: z.literal("records"),
    stream: text,
    zoneLabel: text.nullable(),
    when: z.union([
      above,
      below,
      silence,
      z.strictObject({ kind: z.literal("zone"), zones: texts, isIn: z.boolean() }),
      z.strictObject({
        kind: z.literal("distinct"),
        of: place,
        by: z.array(place),
        atLeast: count,
        withinMs: ms,
        knownForMs: ms,
      }),
    ]),
  }),
  z.strictObject({
    ...ruleOf,
    on: z.literal("windows"),
    window: text,
    value: text.describe("Which of its results; empty where it is the silence."),
    state: z.enum(["provisional", "complete", "final"]),
    reportingAtLeast: z.number(),
    isLatched: z.boolean(),
    when: z.union([
      above,
      below,
      silence,
      z.strictObject({
        kind: z.literal("levels"),
        levels: z.strictObject({ lowLow: level, low: level, high: level, highHigh: level }),
        hysteresis: z.number(),
        forAtLeastMs: ms,
      }),
      z.strictObject({
        kind: z.literal("rateOfChange"),
        slope: z.union([above, below]),
        perMs: ms,
        overMs: ms.nullable().describe("Null: from each window to the next."),
      }),
      z.strictObject({ kind: z.literal("stuck"), forMs: ms, within: z.number(), forAtLeastMs: ms }),
    ]),
  }),
]);

const pipeline = z.strictObject({
  metrics: z.array(metric),
  windows: z.array(
    z.strictObject({
      name: text,
      metric: text,
      kind: z.enum(["aligned", "day", "session"]),
      by: texts,
      sizeMs: ms,
      slideMs: ms,
      offsetMs: ms,
      latenessMs: ms,
      timeZone: text.optional(),
    }),
  ),
  rules: z.array(rule).describe("Those that central judges, by name."),
}) satisfies z.ZodType<PipelineView>;

const pipelineUse = z.strictObject({
  version: text.describe("The first 12 digits of the file's SHA-256; empty where an agent has told none."),
  agents: z.array(z.strictObject({ agent: text, site: text, source: text, refused: text })),
}) satisfies z.ZodType<PipelineUse>;

const ledgerTotals = z.strictObject({
  received: count,
  merged: count,
  tooLate: count,
  tooLateByMetric: z.record(text, count),
  unwindowed: count,
  unreadable: count,
  future: count,
  foreignSite: count,
  partlyRead: count,
  skipped: count,
  evidenceParts: count,
  evidencePartsDuplicate: count,
  evidencePartsRefused: count,
  evidence: count,
  evidenceUnfinished: count,
  evidenceDamaged: count,
  evidenceExpired: count,
  evidenceEvicted: count,
  batches: count,
  duplicates: count,
  beyond: count,
  rejected: z.record(text, count),
}) satisfies z.ZodType<Omit<LedgerTotals, "rejected">>;

const recordTotals = z.strictObject({
  received: count,
  aggregated: count,
  unwindowed: count,
  duplicates: count,
  altered: count,
  setAside: count,
  tooLate: count,
  tooLateByMetric: z.record(text, count),
  noEffect: count,
  rejected: z.record(text, count),
  retracted: count,
  lost: count,
}) satisfies z.ZodType<Omit<RecordTotals, "rejected">>;

const ledgerSum = z.strictObject({
  received: count,
  merged: count,
  tooLate: count,
  storeDamaged: z.strictObject({ firstAtMs: ms, lastAtMs: ms }).optional(),
  logLost: z.strictObject({ records: count, untilMs: ms, lastAtMs: ms }).optional(),
}) satisfies z.ZodType<LedgerSum>;

const sink = z.strictObject({
  sink: text,
  state: z.enum(["connecting", "up", "rebuilding", "down", "stopped"]),
  reason: text,
  code: text,
  waiting: count,
  waitingMs: z.number(),
  owed: count,
  owedMs: z.number(),
  outcomes: z.strictObject({
    written: count,
    stale: count,
    superseded: count,
    expired: count,
    deferred: count,
    refused: count,
  }),
  rebuilds: count,
  failures: z.record(text, count),
}) satisfies z.ZodType<SinkView>;

const recordStream = z.strictObject({
  stream: text,
  source: text,
  totals: recordTotals,
  partitions: z.array(
    z.strictObject({ partition: count, position: count, watermarkMs: ms.nullable(), isIdle: z.boolean() }),
  ),
  ids: count,
  idsDropped: count,
  rows: count.nullable(),
  rowsDropped: count,
  watches: z.array(z.strictObject({ rule: text, series: count, overLimit: count })),
  rules: z.array(z.strictObject({ rule: text, known: count, keys: count, forgotten: count })),
  waitingBytes: count,
  reading: z
    .strictObject({
      group: text.describe("The consumer group that is told its positions."),
      state: z.enum(["starting", "no_topic", "reading", "trouble", "stopped"]),
      reason: text,
      lag: z.record(text, z.number()),
      waiting: z.array(count),
      remadeCount: count.describe("How often, since the start, the topic was found to have been made anew."),
    })
    .nullable(),
}) satisfies z.ZodType<Omit<RecordStreamView, "totals">>;

const quarantined = z.strictObject({
  number: count.describe("Its name for good: `/api/v1/quarantine/{number}`."),
  atMs: ms,
  agent: text,
  topic: text,
  record: z
    .strictObject({
      stream: text,
      topic: text.optional().describe("Kafka's; absent of a record that was posted."),
      partition: count,
      offset: count,
    })
    .optional(),
  reason: text,
  detail: text,
  byteCount: count,
  head: text.describe("The first bytes, base64."),
}) satisfies z.ZodType<Omit<QuarantineEntry, "reason">>;

const late = z.strictObject({
  number: count,
  window: text,
  group: labels,
  startMs: ms,
  endMs: ms,
  reason: z.enum(["after_complete", "too_late"]),
  readings: count,
  lateMs: z.number(),
  agent: text,
  atMs: ms,
}) satisfies z.ZodType<LateEntry>;

const push = z.strictObject({
  version: text,
  agents: z.array(z.strictObject({ agent: text, outcome: text, detail: text })),
}) satisfies z.ZodType<Omit<PipelinePush, "agents">>;

const problem = z.strictObject({
  type: z.literal("about:blank"),
  title: text,
  status: z.int(),
  code: text.describe("Which problem it is; `title` says it in words."),
  detail: text.describe("What to do about it."),
}) satisfies z.ZodType<Omit<Problem, "code">>;

const toldRecord = z.strictObject({
  line: count.optional(),
  index: count.optional(),
  reason: text,
  detail: text,
});

const seriesPage = z.strictObject({
  metric: text,
  by: texts,
  stepMs: ms.describe("Of each point, from a multiple of it since 1970, UTC."),
  level: text.describe("The level of the history that answered."),
  keptFromMs: ms
    .nullable()
    .describe(
      "Before this that level tells nothing: it was dropped, or panes were longer; null: it has all.",
    ),
  pendingFromMs: ms
    .nullable()
    .describe("From here on late data waits to be rolled up, within about a minute; null: none does."),
  series: z.array(
    z.strictObject({
      labels,
      startMs: z.array(ms),
      values: z
        .record(text, z.array(z.number().nullable()))
        .describe("By name, one for each start; null where there is no such value."),
    }),
  ),
  cursor,
}) satisfies z.ZodType<SeriesPage>;

/** What the API answers with, by the names that its description has for them. */
export const ANSWERS = {
  WindowResult: windowResult,
  Agent: agent,
  Alarm: alarm,
  Evidence: evidence,
  Site: site,
  Pipeline: pipeline,
  PipelineUse: pipelineUse,
  LedgerTotals: ledgerTotals,
  RecordTotals: recordTotals,
  Sink: sink,
  RecordStream: recordStream,
  QuarantineEntry: quarantined,
  LateEntry: late,
  Problem: problem,
  WindowPage: z.strictObject({ windows: z.array(windowResult), cursor }),
  LatestWindows: z.strictObject({
    windows: z.array(windowResult),
    cursor,
    searchedAfterMs: z
      .record(text, ms)
      .describe(
        "By window, where not all results were looked at: every group with one that starts after this is there; of groups without one some may be missing, which `/api/v1/windows` has.",
      ),
  }),
  SeriesPage: seriesPage,
  AlarmPage: z.strictObject({ alarms: z.array(alarm), cursor }),
  AlarmWithEvidence: z.strictObject({ alarms: z.array(alarm), evidence: z.array(evidence) }),
  EvidencePage: z.strictObject({ evidence: z.array(evidence), cursor }),
  AgentPage: z.strictObject({ agents: z.array(agent), cursor }),
  SitePage: z.strictObject({ sites: z.array(site), cursor }),
  PipelineUses: z.strictObject({ pipelines: z.array(pipelineUse) }),
  Ledger: z.strictObject({
    sum: ledgerSum,
    agents: z.record(text, ledgerTotals),
    records: z.record(text, recordTotals),
  }),
  Sinks: z.strictObject({ sinks: z.array(sink) }),
  RecordStreams: z.strictObject({ streams: z.array(recordStream) }),
  RecordOutcome: z.strictObject({
    stream: text,
    received: count,
    taken: count,
    duplicates: count,
    setAside: count,
    tooLate: count,
    noEffect: count,
    rejectedCount: count,
    lost: count,
    rejected: z.array(toldRecord).describe("The first 100, by `line` of JSON lines or `index` of an array."),
    aside: z
      .array(toldRecord)
      .describe("Of those that were set aside, older than ids are remembered: the first 100, likewise."),
  }),
  QuarantinePage: z.strictObject({
    entries: z.array(quarantined),
    cursor,
    kept: z
      .strictObject({ entries: count, bytes: count })
      .describe("Of this agent, or stream and partition, and this reason, where they are given."),
    dropped: z
      .strictObject({
        flood: count.describe("Too many at once: never kept."),
        room: count.describe("Given up for later ones: `quarantine.bytesMax`."),
        age: count.describe("Older than `quarantine.retain`."),
      })
      .describe("Of all, since the store was made; the ledger counts them too."),
  }),
  LatePage: z.strictObject({ entries: z.array(late), cursor }),
  Reset: z.strictObject({ agent: text, id: text }),
  RetiredSite: z.strictObject({ site: text, agentsRetired: count }),
  RetiredAgent: z.strictObject({ agent: text, agentsRetired: count }),
  PipelinePush: push,
  Session: z.strictObject({
    isLoginNeeded: z.boolean().describe("No login, no data."),
    user: text.nullable().describe("Who is logged in; null: nobody."),
    isControlAllowed: z.boolean().describe("Whether who asks may change anything."),
  }),
  Alive: z.strictObject({ isAlive: z.boolean(), reason: text }),
  Ready: z.strictObject({ isReady: z.boolean(), reason: text }),
} as const;
