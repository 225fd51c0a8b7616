import {
  isNumericSparkplugType,
  parseSparkplugPayload,
  parseSparkplugTopic,
  type SparkplugMetric,
  sparkplugPath,
  type SparkplugSource,
  sparkplugType,
} from "@millrace/wire";

/** What was heard of an edge node itself, or of one of its devices. */
export interface HeardSource {
  readonly source: SparkplugSource;
  /** Its birth was heard: `metrics` are all that it has. */
  readonly isBorn: boolean;
  /** By name, those that are no measures left out: why it cannot be read; null where it can. */
  readonly metrics: ReadonlyMap<string, string | null>;
}

const SOURCES_MAX = 10_000;
/** Of all sources. */
const METRICS_MAX = 50_000;
/** Longer names are never bound. */
const NAME_LENGTH_MAX = 1_024;
/** Of the protocol itself. */
const CONTROL = /^(bdSeq$|Node Control\/|Device Control\/|Node Info\/)/;

/** Edge nodes, devices and their metrics, from births and from data that bring names, within bounds. */
export class SparkplugCensus {
  readonly #payloadBytesMax: number;
  readonly #sources = new Map<
    string,
    { source: SparkplugSource; isBorn: boolean; metrics: Map<string, string | null> }
  >();
  /** Edge nodes. */
  readonly #asked = new Set<string>();
  #metricCount = 0;
  #unreadCount = 0;

  constructor(payloadBytesMax: number) {
    this.#payloadBytesMax = payloadBytesMax;
  }

  /** Whatever is no birth and no data of Sparkplug is passed over. */
  hear(topicText: string, payload: Uint8Array): void {
    const topic = parseSparkplugTopic(topicText);
    if (topic === undefined || topic.type === "STATE" || !/(BIRTH|DATA)$/.test(topic.type)) return;
    const heard = this.#source(topic.source);
    const parsed = payload.length > this.#payloadBytesMax ? undefined : parseSparkplugPayload(payload);
    if (heard === undefined || parsed?.ok !== true) {
      this.#unreadCount += 1;
      return;
    }
    if (topic.type.endsWith("BIRTH")) heard.isBorn = true;
    for (const metric of parsed.message.metrics) this.#define(heard.metrics, metric);
  }

  /** Messages that were no Sparkplug payload, or beyond the bounds. */
  get unreadCount(): number {
    return this.#unreadCount;
  }

  /** By group, node and device. */
  sources(): readonly HeardSource[] {
    return [...this.#sources].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, heard]) => heard);
  }

  /** Edge nodes of which, or of one of whose devices, no birth was heard. */
  unbornNodes(): readonly SparkplugSource[] {
    const nodes = new Map<string, SparkplugSource>();
    for (const { source, isBorn } of this.#sources.values()) {
      const node = { ...source, device: null };
      if (!isBorn) nodes.set(sparkplugPath(node), node);
    }
    return [...nodes.values()];
  }

  /** At most so many of them, each once. */
  takeUnasked(countMax: number): readonly SparkplugSource[] {
    const unasked = this.unbornNodes().filter((source) => !this.#asked.has(sparkplugPath(source)));
    const taken = unasked.slice(0, countMax);
    for (const source of taken) this.#asked.add(sparkplugPath(source));
    return taken;
  }

  #source(source: SparkplugSource) {
    const path = sparkplugPath(source);
    const known = this.#sources.get(path);
    if (known !== undefined || this.#sources.size >= SOURCES_MAX) return known;
    const heard = { source, isBorn: false, metrics: new Map<string, string | null>() };
    this.#sources.set(path, heard);
    return heard;
  }

  #define(metrics: Map<string, string | null>, metric: SparkplugMetric): void {
    const { name } = metric;
    if (name === undefined || name.length > NAME_LENGTH_MAX || CONTROL.test(name)) return;
    const why = whyUnread(metric);
    // Data may leave out the type that only a birth tells.
    if (why === undefined) return;
    if (!metrics.has(name)) {
      if (this.#metricCount >= METRICS_MAX) return;
      this.#metricCount += 1;
    }
    metrics.set(name, why);
  }
}

/** Undefined where only a birth tells. */
function whyUnread({ datatype, value }: SparkplugMetric): string | null | undefined {
  const type = sparkplugType(datatype);
  if (type === "DateTime") return "a DateTime is no measure";
  if (isNumericSparkplugType(type)) return null;
  if (type !== "Unknown") return `${type} is no number`;
  return value?.kind === "floating" || value?.kind === "boolean" ? null : undefined;
}
