import { decodeFailure } from "../decode/decode-failure.ts";
import type { Decoded, DecodeFailure } from "../decode/decoded.ts";
import { ELEMENTS_MAX } from "../decode/elements-max.ts";
import { shownText } from "../decode/shown-text.ts";
import { readSparkplugMetric } from "./read-sparkplug-metric.ts";
import { type SparkplugDefinition, SparkplugDefinitions, type StaleSeries } from "./sparkplug-definitions.ts";
import { type HeldMetric, type SparkplugDevice, SparkplugNode } from "./sparkplug-node.ts";
import { parseSparkplugPayload, type SparkplugMetric, type SparkplugPayload } from "./sparkplug-payload.ts";
import { sparkplugPath, type SparkplugSource, type SparkplugTopic } from "./sparkplug-topic.ts";
import { sparkplugType } from "./sparkplug-types.ts";

export interface SparkplugSessionsOptions<Binding> {
  /** Whether any metric of this node or device is read. */
  reads(source: SparkplugSource): boolean;
  /** Who reads this metric; asked once for each birth, and at a `rebind`. `former`: who has read it until then. */
  bind(source: SparkplugSource, name: string, former: readonly Binding[]): readonly Binding[];
  readonly reorderTimeoutMs: number;
  /** Least time between two requests for births to one node. */
  readonly rebirthIntervalMs: number;
  readonly bounds?: Partial<SparkplugBounds>;
}

/** What is kept in memory at most. */
export interface SparkplugBounds {
  readonly nodes: number;
  readonly devices: number;
  /** Names and aliases of all nodes; a name counts once for each 64 characters. */
  readonly definitions: number;
}

const BOUNDS: SparkplugBounds = { nodes: 1_000, devices: 10_000, definitions: 200_000 };
/** Of one node, that wait for a birth. */
const HELD_MAX = 1_000;
/** After its node's birth a device has so long to be born again before its series are stale. */
const DEVICE_BIRTH_MS = 10_000;
/** All nodes together: a restart must not make them all be born in the same moment. */
const REBIRTHS_PER_SECOND_MAX = 20;
const NAME_LENGTH_MAX = 1_024;

/** A Sparkplug message. Times are of one monotonic clock, ms. */
export interface SparkplugMessage {
  readonly topic: Exclude<SparkplugTopic, { type: "STATE" }>;
  readonly payload: Uint8Array;
  /** What it came through: `lost` names it. */
  readonly via: string;
  /** Whether a part of it may wait for a birth that is on its way; otherwise that part is a failure at once. */
  readonly mayWait: boolean;
  readonly nowMs: number;
}

/** What came of a message, or of time. */
export interface SparkplugHearing<Binding> {
  readonly readings: {
    readonly binding: Binding;
    readonly source: SparkplugSource;
    readonly name: string;
    readonly decoded: Decoded;
  }[];
  /** What belongs to no metric that is read. */
  readonly failures: DecodeFailure[];
  /** Series whose node or device is gone. */
  readonly stale: StaleSeries<Binding>[];
}

export const SPARKPLUG_EVENTS = [
  "nbirth",
  "dbirth",
  "ndata",
  "ddata",
  "ndeath",
  "ddeath",
  /** Of a node, without seq or bdSeq. */
  "refused_birth",
  /** A death of an earlier session, or told twice. */
  "old_death",
  "sequence_gap",
  "unnumbered",
  "rebirth_request",
  "held_metric",
  "unread_metric",
  "stale_series",
] as const;
export type SparkplugEvent = (typeof SPARKPLUG_EVENTS)[number];

/**
 * The sessions of all edge nodes, as a host application follows them: births give metrics their names, types and aliases,
 * a number that is missing asks for births anew, deaths make series stale (Sparkplug 3.0, chapters 5 and 6). Pure: times
 * are arguments, and whoever holds it sends what `takeRebirths` gives.
 *
 * A reading has its own time, so a message after a missing one is read at once: only what needs a birth that may be the
 * missing message waits for it, at most the reorder timeout.
 */
export class SparkplugSessions<Binding> {
  readonly #options: SparkplugSessionsOptions<Binding>;
  readonly #bounds: SparkplugBounds;
  /** By `group/node`. */
  readonly #nodes = new Map<string, SparkplugNode<Binding>>();
  readonly #wanted = new Set<SparkplugNode<Binding>>();
  readonly #counts: Record<SparkplugEvent, number>;
  #deviceCount = 0;
  #definitionCount = 0;
  #pace = { sinceMs: -Infinity, count: 0 };

  constructor(options: SparkplugSessionsOptions<Binding>) {
    this.#options = options;
    this.#bounds = { ...BOUNDS, ...options.bounds };
    this.#counts = Object.fromEntries(SPARKPLUG_EVENTS.map((event) => [event, 0])) as Record<
      SparkplugEvent,
      number
    >;
  }

  get counts(): Readonly<Record<SparkplugEvent, number>> {
    return this.#counts;
  }

  nodes(): Iterable<SparkplugNode<Binding>> {
    return this.#nodes.values();
  }

  /** Commands of other hosts are none of its concern. Never throws. */
  hear(message: SparkplugMessage): SparkplugHearing<Binding> {
    const hearing = nothingHeard<Binding>();
    const { type } = message.topic;
    if (type === "NCMD" || type === "DCMD") return hearing;
    if (sparkplugPath(message.topic.source).length > NAME_LENGTH_MAX) {
      const detail = `group, edge node and device have more than ${NAME_LENGTH_MAX} characters`;
      hearing.failures.push(decodeFailure("malformed", detail));
      return hearing;
    }
    const parsed = parseSparkplugPayload(message.payload);
    if (!parsed.ok) {
      hearing.failures.push(decodeFailure("malformed", parsed.detail));
      return hearing;
    }
    const payload = parsed.message;
    if (type === "NDEATH") {
      this.#hearNodeDeath(message, payload, hearing);
      return hearing;
    }
    const node = this.#node(message);
    if (node === undefined) {
      hearing.failures.push(decodeFailure("too_many", `more than ${this.#bounds.nodes} edge nodes`));
      return hearing;
    }
    node.via = message.via;
    if (payload.unreadCount > 0)
      hearing.failures.push(
        decodeFailure("too_many", `more than ${ELEMENTS_MAX} metrics`, payload.unreadCount),
      );
    this.#counts[EVENT_OF[type]] += 1;
    if (type === "NBIRTH") this.#bear(node, payload, message.nowMs, hearing);
    else {
      this.#number(node, payload.seq, message.nowMs);
      if (type === "DBIRTH") this.#bearDevice(node, message, payload, hearing);
      else if (type === "DDEATH") this.#hearDeviceDeath(node, message.topic.source, hearing);
      else this.#hearData(node, message, payload, hearing);
      this.#checkGap(node, message.nowMs, hearing);
    }
    return hearing;
  }

  /** To be called several times a second. */
  tick(nowMs: number): SparkplugHearing<Binding> {
    const hearing = nothingHeard<Binding>();
    for (const node of this.#nodes.values()) {
      this.#checkGap(node, nowMs, hearing);
      for (const device of node.devices.values()) {
        if (device.awaited === null || nowMs < device.awaited.untilMs) continue;
        this.#stale(device.awaited.series, hearing);
        device.awaited = null;
      }
    }
    return hearing;
  }

  /** What was connected through it is no longer: all of it is stale until it is born again. */
  lost(via: string, nowMs: number): SparkplugHearing<Binding> {
    const hearing = nothingHeard<Binding>();
    for (const node of this.#nodes.values()) {
      if (node.via === via && node.isBorn) this.#die(node, nowMs, hearing);
    }
    return hearing;
  }

  /**
   * `reads` and `bind` answer otherwise from now on. What is known by its name is read by others at once; what nobody has
   * read has no name, so where a node gains anything, it is asked for its births. Nodes that are not heard are forgotten.
   */
  rebind({ hears, gains }: Record<"hears" | "gains", (node: SparkplugSource) => boolean>): void {
    for (const [key, node] of this.#nodes) {
      if (!hears(node.source)) {
        this.#forget(key, node);
        continue;
      }
      const mayGain = gains(node.source);
      this.#rebind(node.source, node.own, mayGain);
      for (const device of node.devices.values()) {
        this.#rebind(device.source, device.definitions, mayGain);
        if (device.awaited !== null) device.awaited = this.#rebindAwaited(device.source, device.awaited);
      }
      if (mayGain) this.#want(node);
    }
  }

  /** The nodes to be asked for their births now. */
  takeRebirths(nowMs: number): readonly SparkplugSource[] {
    if (this.#wanted.size === 0) return NONE;
    if (nowMs - this.#pace.sinceMs >= 1_000) this.#pace = { sinceMs: nowMs, count: 0 };
    const asked: SparkplugSource[] = [];
    for (const node of this.#wanted) {
      if (this.#pace.count >= REBIRTHS_PER_SECOND_MAX) break;
      if (node.pace.isWanted && !node.pace.isDue(nowMs)) continue;
      this.#wanted.delete(node);
      if (!node.pace.isWanted) continue;
      node.pace.asked(nowMs);
      this.#pace.count += 1;
      this.#counts.rebirth_request += 1;
      asked.push(node.source);
    }
    return asked;
  }

  #node({ topic: { source }, nowMs }: SparkplugMessage): SparkplugNode<Binding> | undefined {
    const { group, node: name } = source;
    const key = `${group}/${name}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    if (this.#nodes.size >= this.#bounds.nodes && !this.#forgetDeadNode()) return undefined;
    const node = new SparkplugNode<Binding>(
      { group, node: name, device: null },
      this.#options.rebirthIntervalMs,
      nowMs,
    );
    this.#nodes.set(key, node);
    return node;
  }

  /** The one that has been dead for longest. */
  #forgetDeadNode(): boolean {
    let oldest: [string, SparkplugNode<Binding>] | undefined;
    for (const entry of this.#nodes) {
      if (!entry[1].isBorn && (oldest === undefined || entry[1].sinceMs < oldest[1].sinceMs)) oldest = entry;
    }
    if (oldest === undefined) return false;
    this.#forget(...oldest);
    return true;
  }

  #forget(key: string, node: SparkplugNode<Binding>): void {
    this.#clear(node.own);
    for (const { definitions } of node.devices.values()) this.#clear(definitions);
    this.#deviceCount -= node.devices.size;
    this.#wanted.delete(node);
    this.#nodes.delete(key);
  }

  #rebind(source: SparkplugSource, definitions: SparkplugDefinitions<Binding>, mayGain: boolean): void {
    this.#definitionCount -= definitions.count;
    definitions.rebind((name, former) => this.#options.bind(source, name, former), mayGain);
    this.#definitionCount += definitions.count;
  }

  #rebindAwaited(
    source: SparkplugSource,
    { untilMs, series }: NonNullable<SparkplugDevice<Binding>["awaited"]>,
  ): SparkplugDevice<Binding>["awaited"] {
    const formerOf = Map.groupBy(series, ({ name }) => name);
    const rebound = [...formerOf].flatMap(([name, former]) =>
      this.#options
        .bind(
          source,
          name,
          former.map(({ binding }) => binding),
        )
        .map((binding) => ({ name, binding, value: former[0].value })),
    );
    return { untilMs, series: rebound };
  }

  #bear(
    node: SparkplugNode<Binding>,
    payload: SparkplugPayload,
    nowMs: number,
    hearing: SparkplugHearing<Binding>,
  ): void {
    const seq = numberOf(payload.seq);
    const bdSeq = bdSeqOf(payload);
    // By these a host knows a loss, and the will of an earlier session (Sparkplug 3.0, 6.4.5).
    if (seq === undefined || bdSeq === undefined) {
      this.#counts.refused_birth += 1;
      hearing.failures.push(decodeFailure("malformed", seq === undefined ? WITHOUT_SEQ : WITHOUT_BDSEQ));
      this.#want(node);
      return;
    }
    this.#clear(node.own);
    for (const device of node.devices.values()) {
      const series = this.#clear(device.definitions);
      if (series.length > 0) device.awaited = { untilMs: nowMs + DEVICE_BIRTH_MS, series };
    }
    node.own.isBorn = true;
    node.sinceMs = nowMs;
    node.pace.answered();
    node.bdSeq = bdSeq;
    node.sequence.begin(seq);
    this.#define(node.source, node.own, payload, hearing);
    this.#release(node, null, hearing);
  }

  #bearDevice(
    node: SparkplugNode<Binding>,
    { topic: { source } }: SparkplugMessage,
    payload: SparkplugPayload,
    hearing: SparkplugHearing<Binding>,
  ): void {
    // A device is born within its node's session: the node's birth is missing.
    if (!node.isBorn) this.#want(node);
    const name = source.device ?? "";
    let device = node.devices.get(name);
    if (device === undefined) {
      if (this.#deviceCount >= this.#bounds.devices) {
        hearing.failures.push(decodeFailure("too_many", `more than ${this.#bounds.devices} devices`));
        return;
      }
      device = newDevice<Binding>(source);
      node.devices.set(name, device);
      this.#deviceCount += 1;
    }
    this.#clear(device.definitions);
    device.awaited = null;
    device.definitions.isBorn = true;
    this.#define(source, device.definitions, payload, hearing);
    this.#release(node, name, hearing);
  }

  #define(
    source: SparkplugSource,
    definitions: SparkplugDefinitions<Binding>,
    payload: SparkplugPayload,
    hearing: SparkplugHearing<Binding>,
  ): void {
    if (!this.#options.reads(source)) return;
    let refusedCount = 0;
    for (const metric of payload.metrics) {
      const { name, alias } = metric;
      if (name === undefined) continue;
      if (this.#definitionCount + definitions.count >= this.#bounds.definitions) {
        refusedCount += 1;
        continue;
      }
      const bindings = this.#bind(source, name);
      const type = sparkplugType(metric.datatype);
      const definition = bindings.length === 0 ? null : { name, type, bindings, lastValue: null };
      if (alias !== undefined) definitions.defineAlias(alias, definition);
      if (definition === null) continue;
      definitions.defineName(name, definition);
      // A birth may define a metric that has no value yet.
      if (metric.value !== undefined || metric.isNull)
        this.#read(source, definition, { metric, payloadTimestamp: payload.timestamp }, hearing);
    }
    this.#definitionCount += definitions.count;
    if (refusedCount > 0)
      hearing.failures.push(
        decodeFailure(
          "too_many",
          `more than ${this.#bounds.definitions} names and aliases of all edge nodes`,
          refusedCount,
        ),
      );
  }

  #hearData(
    node: SparkplugNode<Binding>,
    { topic: { source }, mayWait }: SparkplugMessage,
    payload: SparkplugPayload,
    hearing: SparkplugHearing<Binding>,
  ): void {
    if (!node.isBorn) this.#want(node);
    if (!this.#options.reads(source)) return;
    const definitions = source.device === null ? node.own : node.devices.get(source.device)?.definitions;
    let lostCount = 0;
    for (const metric of payload.metrics) {
      const definition = this.#find(source, definitions, metric);
      if (definition === null) this.#counts.unread_metric += 1;
      else if (definition === "nameless")
        hearing.failures.push(decodeFailure("malformed", "a metric has neither name nor alias"));
      else if (definition !== undefined)
        this.#read(source, definition, { metric, payloadTimestamp: payload.timestamp }, hearing);
      else if (
        mayWait &&
        node.isBorn &&
        node.sequence.hasGap &&
        node.held.length < HELD_MAX &&
        metric.value?.kind !== "text"
      ) {
        this.#counts.held_metric += 1;
        node.held.push({ device: source.device, metric, payloadTimestamp: payload.timestamp });
      } else lostCount += 1;
    }
    if (lostCount === 0) return;
    this.#want(node);
    const what = lostCount === 1 ? "1 metric" : `${lostCount} metrics`;
    hearing.failures.push(
      decodeFailure("no_birth", `${what} of ${shownText(sparkplugPath(source))} came without a birth`),
    );
  }

  /** Undefined where only a birth can tell; null where nobody reads it. */
  #find(
    source: SparkplugSource,
    definitions: SparkplugDefinitions<Binding> | undefined,
    { name, alias, datatype, value }: SparkplugMetric,
  ): SparkplugDefinition<Binding> | null | undefined | "nameless" {
    if (name === undefined) return alias === undefined ? "nameless" : orUnread(definitions?.ofAlias(alias));
    const known = definitions?.ofName(name);
    if (known !== undefined) return orUnread(known);
    // What names itself needs no birth, unless only that tells whether an integer has a sign.
    const bindings = this.#bind(source, name);
    if (bindings.length === 0) {
      // Remembering that spares asking again, no more.
      const isKept = name.length <= NAME_LENGTH_MAX && this.#definitionCount < this.#bounds.definitions;
      if (definitions !== undefined && isKept) {
        const countBefore = definitions.count;
        definitions.defineName(name, null);
        this.#definitionCount += definitions.count - countBefore;
      }
      return null;
    }
    if (datatype === undefined && value?.kind === "integer") return undefined;
    return { name, type: sparkplugType(datatype), bindings, lastValue: null };
  }

  #bind(source: SparkplugSource, name: string): readonly Binding[] {
    return name.length > NAME_LENGTH_MAX ? [] : this.#options.bind(source, name, []);
  }

  #read(
    source: SparkplugSource,
    definition: SparkplugDefinition<Binding>,
    { metric, payloadTimestamp }: Omit<HeldMetric, "device">,
    hearing: SparkplugHearing<Binding>,
  ): void {
    const type = metric.datatype === undefined ? definition.type : sparkplugType(metric.datatype);
    const decoded = readSparkplugMetric(metric, type, payloadTimestamp);
    if (decoded.ok && decoded.isHistorical !== true) definition.lastValue = decoded.value;
    for (const binding of definition.bindings)
      hearing.readings.push({ binding, source, name: definition.name, decoded });
  }

  /** What has waited for this birth. */
  #release(
    node: SparkplugNode<Binding>,
    deviceName: string | null,
    hearing: SparkplugHearing<Binding>,
  ): void {
    if (node.held.length === 0) return;
    const held = node.held;
    node.held = [];
    const device = deviceName === null ? undefined : node.devices.get(deviceName);
    const source = device?.source ?? node.source;
    const definitions = device?.definitions ?? node.own;
    for (const waiting of held) {
      const definition =
        waiting.device === deviceName ? this.#find(source, definitions, waiting.metric) : undefined;
      if (definition === undefined) node.held.push(waiting);
      else if (definition !== null && definition !== "nameless")
        this.#read(source, definition, waiting, hearing);
    }
  }

  #hearNodeDeath(
    { topic: { source }, nowMs }: SparkplugMessage,
    payload: SparkplugPayload,
    hearing: SparkplugHearing<Binding>,
  ): void {
    const node = this.#nodes.get(`${source.group}/${source.node}`);
    const bdSeq = bdSeqOf(payload);
    // A will may come after the birth of the next session.
    const isOld = bdSeq !== undefined && node?.bdSeq != null && bdSeq !== node.bdSeq;
    if (node === undefined || !node.isBorn || isOld) {
      this.#counts.old_death += 1;
      return;
    }
    this.#counts.ndeath += 1;
    this.#die(node, nowMs, hearing);
  }

  #hearDeviceDeath(
    node: SparkplugNode<Binding>,
    { device: name }: SparkplugSource,
    hearing: SparkplugHearing<Binding>,
  ): void {
    const device = node.devices.get(name ?? "");
    if (device === undefined) return;
    this.#bury(device, hearing);
  }

  #die(node: SparkplugNode<Binding>, nowMs: number, hearing: SparkplugHearing<Binding>): void {
    this.#giveUpHeld(node, hearing);
    this.#stale(this.#clear(node.own), hearing);
    for (const device of node.devices.values()) this.#bury(device, hearing);
    node.sinceMs = nowMs;
    node.sequence.resume();
  }

  #bury(device: SparkplugDevice<Binding>, hearing: SparkplugHearing<Binding>): void {
    this.#stale(this.#clear(device.definitions), hearing);
    if (device.awaited !== null) this.#stale(device.awaited.series, hearing);
    device.awaited = null;
  }

  #number(node: SparkplugNode<Binding>, seq: number | bigint | undefined, nowMs: number): void {
    const number = seq === undefined && node.sequence.isZeroNext ? 0 : numberOf(seq);
    if (number === undefined) this.#counts.unnumbered += 1;
    else node.sequence.hear(number, nowMs);
  }

  #checkGap(node: SparkplugNode<Binding>, nowMs: number, hearing: SparkplugHearing<Binding>): void {
    if (!node.sequence.isLost(nowMs, this.#options.reorderTimeoutMs)) return;
    this.#counts.sequence_gap += 1;
    node.sequence.resume();
    this.#giveUpHeld(node, hearing);
    this.#want(node);
  }

  #giveUpHeld(node: SparkplugNode<Binding>, hearing: SparkplugHearing<Binding>): void {
    if (node.held.length === 0) return;
    const what = `${node.held.length} metrics of ${shownText(sparkplugPath(node.source))}`;
    hearing.failures.push(decodeFailure("no_birth", `${what} waited for a birth that did not come`));
    node.held = [];
  }

  #want(node: SparkplugNode<Binding>): void {
    node.pace.want();
    this.#wanted.add(node);
  }

  #stale(series: readonly StaleSeries<Binding>[], hearing: SparkplugHearing<Binding>): void {
    this.#counts.stale_series += series.length;
    for (const one of series) hearing.stale.push(one);
  }

  #clear(definitions: SparkplugDefinitions<Binding>): readonly StaleSeries<Binding>[] {
    this.#definitionCount -= definitions.count;
    return definitions.clear();
  }
}

const WITHOUT_SEQ =
  "NBIRTH without seq from 0 to 255: an edge node writes it into the payload also where it is 0";
const WITHOUT_BDSEQ =
  "NBIRTH without an integer metric bdSeq: an edge node puts it into its birth and, the same, into its will";
const NONE: readonly SparkplugSource[] = [];
const EVENT_OF = {
  NBIRTH: "nbirth",
  DBIRTH: "dbirth",
  NDATA: "ndata",
  DDATA: "ddata",
  DDEATH: "ddeath",
} as const;

function nothingHeard<Binding>(): SparkplugHearing<Binding> {
  return { readings: [], failures: [], stale: [] };
}

/** Null where nobody reads it any more. */
function orUnread<Binding>(
  definition: SparkplugDefinition<Binding> | null | undefined,
): SparkplugDefinition<Binding> | null | undefined {
  return definition?.bindings.length === 0 ? null : definition;
}

function newDevice<Binding>(source: SparkplugSource): SparkplugDevice<Binding> {
  return { source, definitions: new SparkplugDefinitions<Binding>(), awaited: null };
}

/** Undefined when it is no number of a sequence. */
function numberOf(seq: number | bigint | undefined): number | undefined {
  return typeof seq === "number" && seq <= 255 ? seq : undefined;
}

/** Of a birth or death of a node: which session it is about. */
function bdSeqOf({ metrics }: SparkplugPayload): number | bigint | undefined {
  const value = metrics.find(({ name }) => name === "bdSeq")?.value;
  return value?.kind === "integer" ? value.value : undefined;
}
