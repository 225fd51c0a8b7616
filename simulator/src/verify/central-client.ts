import { MillraceError, reasonOf } from "@millrace/runtime";
import { z } from "zod";
import { authorizationOf, type Login } from "../publish/login.ts";
import type { RatioDefinition, WindowDefinition } from "./window-oracle.ts";
import type { AgentFrontier } from "./window-state.ts";

const path = z.array(z.union([z.string(), z.number()]));
const degrees = z.tuple([z.number(), z.number()]);
const zone = z.object({
  name: z.string(),
  shape: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("circle"), center: degrees, radiusKm: z.number() }),
    z.object({ kind: z.literal("polygon"), rings: z.array(z.array(degrees)) }),
    z.object({ kind: z.literal("corridor"), line: z.array(degrees), withinKm: z.number() }),
  ]),
});
const recordLabel = z.union([
  z.object({ name: z.string(), path }),
  z.object({
    name: z.string(),
    zone: z.object({ longitude: path, latitude: path, zones: z.array(zone) }),
  }),
]);
const recordValue = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("identity") }),
  z.object({
    kind: z.literal("since"),
    unit: z.enum(["s", "ms", "us", "ns", "iso"]),
    timeZone: z.string().nullable(),
  }),
  z.object({ kind: z.literal("position"), latitude: path }),
]);
const recordMetric = z.object({
  stream: z.string(),
  timePath: path,
  path,
  /** Absent: a number. */
  value: recordValue.optional(),
  map: z.record(z.string(), z.number().nullable()).nullable(),
  isOptional: z.boolean(),
  isAdjusted: z.boolean(),
  labels: z.array(recordLabel),
});
const limits = { limit: z.number(), clear: z.number(), forAtLeastMs: z.number() };
const above = z.object({ kind: z.literal("above"), ...limits });
const below = z.object({ kind: z.literal("below"), ...limits });
const missing = z.object({ kind: z.literal("missing"), forMs: z.number(), forAtLeastMs: z.number() });
const place = z.object({ name: z.string(), path });
const level = z.object({ limit: z.number() }).optional();
const zoneCondition = z.object({ kind: z.literal("zone"), zones: z.array(z.string()), isIn: z.boolean() });
const distinctCondition = z.object({
  kind: z.literal("distinct"),
  of: place,
  by: z.array(place),
  atLeast: z.number(),
  withinMs: z.number(),
  knownForMs: z.number(),
});
const recordRule = z.object({
  name: z.string(),
  on: z.literal("records"),
  stream: z.string(),
  metric: z.string(),
  zoneLabel: z.string().nullable(),
  when: z.discriminatedUnion("kind", [above, below, missing, zoneCondition, distinctCondition]),
});
const windowRule = z.object({
  name: z.string(),
  on: z.literal("windows"),
  window: z.string(),
  value: z.string(),
  state: z.string(),
  when: z.discriminatedUnion("kind", [
    above,
    below,
    missing,
    z.object({
      kind: z.literal("levels"),
      levels: z.object({ lowLow: level, low: level, high: level, highHigh: level }),
      hysteresis: z.number(),
      forAtLeastMs: z.number(),
    }),
    z.object({
      kind: z.literal("rateOfChange"),
      slope: z.discriminatedUnion("kind", [above, below]),
      perMs: z.number(),
      overMs: z.number().nullable(),
    }),
    z.object({ kind: z.literal("stuck") }),
  ]),
});
const pipelineAnswer = z.object({
  rules: z.array(z.discriminatedUnion("on", [recordRule, windowRule])).default([]),
  metrics: z
    .array(
      z.object({
        name: z.string(),
        accumulate: z.array(z.string()).default([]),
        records: recordMetric.optional(),
      }),
    )
    .default([]),
  windows: z.array(
    z.object({
      name: z.string(),
      metric: z.string(),
      sizeMs: z.number(),
      slideMs: z.number(),
      kind: z.enum(["aligned", "day", "session"]),
      timeZone: z.string().optional(),
      offsetMs: z.number(),
      latenessMs: z.number(),
      by: z.array(z.string()),
    }),
  ),
});
const agentRow = z.object({
  agent: z.string(),
  site: z.string(),
  state: z.enum(["connected", "silent", "never_seen", "retired"]).default("connected"),
  lastSeenMs: z.number().nullable().default(null),
  agentRejected: z.number().default(0),
  watermarkMs: z.number().nullable().default(null),
  isIdle: z.boolean().default(true),
  pending: z.array(z.object({ startMs: z.number(), endMs: z.number() })).default([]),
});
const agentsAnswer = z.object({ agents: z.array(agentRow) });
/** `unwindowed` to `foreignSite`: in no window, for that reason; `skipped`: agents have told that they gave them up. */
const agentLedger = z.object({
  received: z.number(),
  merged: z.number(),
  tooLate: z.number(),
  unwindowed: z.number(),
  unreadable: z.number(),
  future: z.number(),
  foreignSite: z.number(),
  skipped: z.number(),
});
const COUNTS = agentLedger.keyof().options;
const ledgerAnswer = z.object({ agents: z.record(z.string(), agentLedger) });
const streamsAnswer = z.object({
  streams: z.array(
    z.object({
      stream: z.string(),
      source: z.string(),
      totals: z.object({
        received: z.number(),
        aggregated: z.number(),
        unwindowed: z.number(),
        duplicates: z.number(),
        setAside: z.number(),
        tooLate: z.number(),
        noEffect: z.number(),
        rejected: z.record(z.string(), z.number()),
      }),
    }),
  ),
});
const windowRow = z.object({
  window: z.string(),
  group: z.record(z.string(), z.string()),
  startMs: z.number(),
  endMs: z.number(),
  /** Another session has its readings now. */
  mergedIntoMs: z.number().optional(),
  revision: z.number(),
  state: z.string(),
  values: z.record(z.string(), z.number()),
  /** Whom it waits for, and those of whom some of it is lost for good. */
  completeness: z
    .object({
      agentsMissing: z.array(z.string()).readonly(),
      agentsWithLoss: z.array(z.string()).readonly().optional(),
    })
    .optional(),
});
const windowsAnswer = z.object({ windows: z.array(windowRow), cursor: z.string().nullable() });
const alarmRow = z.object({
  id: z.string(),
  rule: z.string(),
  labels: z.record(z.string(), z.string()),
  step: z.number(),
  activeAtMs: z.number(),
  clearedAtMs: z.number().nullable(),
  timeMs: z.number(),
  value: z.number(),
  /** By central's clock: its latest step, and its first. */
  receivedAtMs: z.number(),
  isLatched: z.boolean().optional(),
  endReason: z.string().optional(),
  evidence: z.array(z.object({ labels: z.record(z.string(), z.string()) })).optional(),
  firstReceivedAtMs: z.number().optional(),
  action: z.string(),
  command: z
    .object({
      id: z.string(),
      commandedAtMs: z.number(),
      confirmedAtMs: z.number().nullable(),
      latencyMs: z.number(),
    })
    .nullable(),
});
const alarmsAnswer = z.object({ alarms: z.array(alarmRow), cursor: z.string().nullable() });

/** What central has of one site's agents, all together. */
export interface SiteLedger extends Readonly<z.infer<typeof agentLedger>> {
  /** Readings that the agents themselves have rejected, as they last said. */
  readonly rejected: number;
}

/** What central reads of each record of a stream, for one metric. */
export type RecordMetric = z.infer<typeof recordMetric> & { readonly metric: string };
type RecordRule = z.infer<typeof recordRule>;
/** A rule that central judges on single records. */
export interface WatchRule extends Omit<RecordRule, "on" | "when"> {
  readonly when: Exclude<RecordRule["when"], { readonly kind: "distinct" }>;
}
/** A rule that central judges on the new values that records of a stream bring. */
export interface DistinctRule
  extends Pick<RecordRule, "name" | "stream">, Omit<z.infer<typeof distinctCondition>, "kind"> {}
/** A rule that central judges on windows. */
export type WindowRule = z.infer<typeof windowRule>;
/** What central has of a stream of records. */
export type CentralStream = z.infer<typeof streamsAnswer>["streams"][number];
export type CentralAgent = z.infer<typeof agentRow>;
export type CentralWindow = z.infer<typeof windowRow>;
export type CentralAlarm = z.infer<typeof alarmRow>;

/** Of a site of which central has nothing. */
export const NO_LEDGER: SiteLedger = {
  rejected: 0,
  received: 0,
  merged: 0,
  tooLate: 0,
  unwindowed: 0,
  unreadable: 0,
  future: 0,
  foreignSite: 0,
  skipped: 0,
};

const PAGE_ROWS = 1_000;
const PAGE_ALARMS = 10_000;
const REQUEST_MS_MAX = 30_000;
const ASKED_MAX = 3;

/** Central's answers, as the judge reads them: over HTTP, like anybody else. */
export class CentralClient {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, login: Login | null = null) {
    this.#url = url.replace(/\/+$/, "");
    const authorization = authorizationOf(login);
    this.#headers = authorization === null ? {} : { authorization };
  }

  async pipeline(): Promise<{
    readonly windows: readonly WindowDefinition[];
    readonly windowedMetrics: ReadonlySet<string>;
    /** By the metric's name. */
    readonly recordMetrics: ReadonlyMap<string, RecordMetric>;
    readonly watchRules: readonly WatchRule[];
    readonly distinctRules: readonly DistinctRule[];
    readonly windowRules: readonly WindowRule[];
  }> {
    const { metrics, windows, rules } = await this.get("/api/v1/pipeline", pipelineAnswer);
    const onRecords = rules.filter((rule) => rule.on === "records");
    const recordMetrics = new Map(
      metrics.flatMap(({ name, records }) =>
        records === undefined ? [] : [[name, { ...records, metric: name }] as const],
      ),
    );
    const accumulated = new Map(metrics.map(({ name, accumulate }) => [name, accumulate]));
    return {
      windows: windows.map((window) => {
        const accumulate = accumulated.get(window.metric) ?? [];
        return { ...window, accumulate, ratio: ratioOf(accumulate) };
      }),
      windowedMetrics: new Set(windows.map(({ metric }) => metric)),
      recordMetrics,
      watchRules: onRecords.flatMap(({ when, ...rule }) =>
        when.kind === "distinct" ? [] : [{ ...rule, when }],
      ),
      distinctRules: onRecords.flatMap(({ when, name, stream }) =>
        when.kind === "distinct" ? [{ name, stream, ...when }] : [],
      ),
      windowRules: rules.filter((rule) => rule.on === "windows"),
    };
  }

  /** Streams of records, by name. */
  async recordStreams(): Promise<ReadonlyMap<string, CentralStream>> {
    const { streams } = await this.get("/api/v1/records", streamsAnswer);
    return new Map(streams.map((stream) => [stream.stream, stream]));
  }

  /** The last revision of every window that starts in `[fromMs, toMs)`. */
  async *windows(window: string, fromMs: number, toMs: number): AsyncGenerator<CentralWindow> {
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({
        window,
        from: String(fromMs),
        to: String(toMs),
        limit: String(PAGE_ROWS),
      });
      if (cursor !== null) query.set("cursor", cursor);
      const page: z.infer<typeof windowsAnswer> = await this.get(
        `/api/v1/windows?${query.toString()}`,
        windowsAnswer,
      );
      yield* page.windows;
      cursor = page.cursor;
    } while (cursor !== null);
  }

  async alarms(): Promise<readonly CentralAlarm[]> {
    const alarms: CentralAlarm[] = [];
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ limit: String(PAGE_ALARMS) });
      if (cursor !== null) query.set("cursor", cursor);
      const page: z.infer<typeof alarmsAnswer> = await this.get(
        `/api/v1/alarms?${query.toString()}`,
        alarmsAnswer,
      );
      for (const alarm of page.alarms) alarms.push(alarm);
      cursor = page.cursor;
    } while (cursor !== null);
    return alarms;
  }

  async agents(): Promise<readonly CentralAgent[]> {
    return (await this.get("/api/v1/agents", agentsAnswer)).agents;
  }

  /** By site. */
  async siteLedgers(): Promise<ReadonlyMap<string, SiteLedger>> {
    const agents = await this.agents();
    const ledgers = (await this.get("/api/v1/ledger", ledgerAnswer)).agents;
    const sites = new Map<string, SiteLedger>();
    for (const { agent, site, agentRejected } of agents) {
      const sum = { ...(sites.get(site) ?? NO_LEDGER) };
      sum.rejected += agentRejected;
      const own = ledgers[agent];
      if (own !== undefined) for (const name of COUNTS) sum[name] += own[name];
      sites.set(site, sum);
    }
    return sites;
  }

  /** By agent. */
  async frontiers(): Promise<ReadonlyMap<string, AgentFrontier>> {
    return new Map((await this.agents()).map((each) => [each.agent, each]));
  }

  /** Throws service_unreachable when there is no answer, or not one of this shape. */
  async get<Answer>(path: string, schema: z.ZodType<Answer>): Promise<Answer> {
    const url = this.#url + path;
    try {
      const response = await this.#ask(url, ASKED_MAX);
      if (!response.ok)
        throw new Error(`it answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
      return schema.parse(await response.json());
    } catch (error) {
      throw new MillraceError("service_unreachable", { url, reason: reasonOf(error) }, { cause: error });
    }
  }

  /** A connection that was kept may be gone when it is used again: nobody has heard the question then. */
  async #ask(url: string, asksLeft: number): Promise<Response> {
    const signal = AbortSignal.timeout(REQUEST_MS_MAX);
    try {
      return await fetch(url, { headers: this.#headers, signal });
    } catch (error) {
      if (asksLeft <= 1 || signal.aborted) throw error;
      return this.#ask(url, asksLeft - 1);
    }
  }
}

const RATIO_SIDES = ["below", "equal", "above"] as const;

/** `ratio(1,5)`: of the values that are 5. */
function ratioOf(accumulate: readonly string[]): RatioDefinition | null {
  for (const name of accumulate) {
    const [, side, limit] = /^ratio\(([012]),(.+)\)$/.exec(name) ?? [];
    if (side !== undefined) return { side: RATIO_SIDES[Number(side)], limit: Number(limit) };
  }
  return null;
}
