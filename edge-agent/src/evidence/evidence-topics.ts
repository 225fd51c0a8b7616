import type { EvidenceSource } from "@millrace/config";
import type { Labels } from "@millrace/stream";
import { LABEL_LENGTH_MAX, parseSourceTime } from "@millrace/wire";
import { RememberedTopics } from "../inputs/remembered-topics.ts";
import { filterTakes } from "../inputs/topic-filter.ts";
import type { RejectionReason } from "../ledger.ts";

/** What a topic says of the payload that came on it. */
export interface EvidenceArrival {
  readonly source: EvidenceSource;
  readonly labels: Labels;
  /** Null: it has no time of its own. */
  readonly timeMs: number | null;
}

interface Refusal {
  readonly reason: RejectionReason;
  readonly detail: string;
}

/** For inputs: what is oversized elsewhere is not there. */
export interface EvidenceBounds {
  /** Greatest payload that is taken there; 0 where none is evidence. */
  bytesMax(topic: string): number;
  /** Of all topics. */
  largestBytesMax(): number;
}

/** The topics whose payloads are kept as they are. */
export class EvidenceTopics implements EvidenceBounds {
  readonly #sources: readonly EvidenceSource[];
  readonly #site: string;
  /** Asked of every message that arrives: the topics of readings, which come again and again, are remembered. */
  readonly #sourceOrNullOf = new RememberedTopics(
    (topic) => this.#sources.find((source) => filterTakes(source.topic.filter, topic)) ?? null,
  );

  constructor(options: { readonly sources: readonly EvidenceSource[]; readonly site: string }) {
    this.#sources = options.sources;
    this.#site = options.site;
  }

  get filters(): readonly string[] {
    return this.#sources.map(({ topic }) => topic.filter);
  }

  largestBytesMax(): number {
    return Math.max(0, ...this.#sources.map(({ bytesMax }) => bytesMax));
  }

  bytesMax(topic: string): number {
    return this.#sourceOf(topic)?.bytesMax ?? 0;
  }

  /** Undefined where the topic is not one of them. */
  resolve(topic: string): EvidenceArrival | Refusal | undefined {
    const source = this.#sourceOf(topic);
    const captures = source?.topic.match(topic);
    if (source === undefined || captures === undefined) return undefined;
    if (Object.values(captures).some((label) => label.length > LABEL_LENGTH_MAX))
      return { reason: "oversized", detail: `a level of the topic has over ${LABEL_LENGTH_MAX} characters` };
    if ((captures["site"] ?? this.#site) !== this.#site)
      return { reason: "wrong_site", detail: "the topic names another site" };
    if (source.time === null) return { source, labels: { ...captures, site: this.#site }, timeMs: null };
    const { capture, unit } = source.time;
    const { [capture]: text, ...labels } = captures;
    const time = parseSourceTime(text, unit);
    if (time === undefined)
      return { reason: "bad_time", detail: `${source.name}: ${text} is not a time in ${unit}` };
    return { source, labels: { ...labels, site: this.#site }, timeMs: time.timeMs };
  }

  #sourceOf(topic: string): EvidenceSource | undefined {
    if (this.#sources.length === 0) return undefined;
    return this.#sourceOrNullOf.find(topic) ?? undefined;
  }
}
