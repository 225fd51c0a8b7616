import { encodeReadings } from "../format/encode-readings.ts";
import { type MessageDraft, MessageMaker, type NumberedReading } from "../format/message-maker.ts";
import { FORMAT_TRAITS, type ReadingFormat, topicLevelOf } from "../format/reading-format.ts";
import { formatOf } from "../plan/format-of.ts";
import type { Metric } from "../plan/metric.ts";
import type { OutputPlan } from "../plan/output-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { topicOf } from "../plant/topic-of.ts";
import type { OutgoingMessage } from "../publish/outgoing-message.ts";
import { streamName } from "../signal/random-stream.ts";
import type { TruthDelivery, TruthLine, TruthReading } from "../truth/truth-line.ts";
import { type Damage, DAMAGES, damagePayload, damagesOf } from "./damage-payload.ts";
import { DueQueue } from "../due-queue.ts";
import { MessageFates } from "./message-fates.ts";
import { Silences } from "./silences.ts";

export interface PlantMessage extends OutgoingMessage {
  readonly machine: { readonly site: string; readonly line: string; readonly machine: string };
  /** It comes later than what it tells of. */
  readonly isLate: boolean;
}

export interface DispatchOptions {
  readonly plan: Plan;
  readonly startMs: number;
  readonly record: (line: TruthLine) => void;
  /** Where the plan has a delivery: in the order in which they arrive; those that are lost or spoilt do not. */
  readonly onArrival: (reading: TruthReading) => void;
}

interface OnTheWay {
  readonly message: PlantMessage;
  readonly arriving: readonly TruthReading[];
}

/**
 * From readings to messages on their way: what belongs together is put into one payload, and each message meets its fate.
 * All of it is a function of plan, seed and the readings; what is late waits here for its time.
 */
export class Dispatch {
  readonly #options: DispatchOptions;
  readonly #maker: MessageMaker;
  /** By site, then by metric. */
  readonly #formats: ReadonlyMap<string, ReadonlyMap<Metric, ReadingFormat>>;
  readonly #hasTimeless: boolean;
  readonly #outputs: ReadonlyMap<string, OutputPlan>;
  /** By topic. */
  readonly #fates = new Map<string, MessageFates>();
  /** By connection. */
  readonly #silences = new Map<string, Silences>();
  readonly #queue = new DueQueue<OnTheWay>();

  constructor(options: DispatchOptions) {
    this.#options = options;
    const { plan } = options;
    this.#outputs = new Map(plan.sites.map(({ site, output }) => [site, output]));
    const { sites, signals, publish } = plan;
    const formatsOf = (site: string) =>
      new Map(signals.map(({ metric }) => [metric, formatOf(plan, site, metric)] as const));
    this.#formats = new Map(sites.map(({ site }) => [site, formatsOf(site)] as const));
    this.#hasTimeless = [...this.#formats.values()].some((formats) =>
      [...formats.values()].some((format) => !FORMAT_TRAITS[format].hasTime),
    );
    const format = (site: string, metric: Metric): ReadingFormat => this.#formatOf(site, metric);
    this.#maker = new MessageMaker({ formatOf: format, batch: publish.batch });
  }

  /** Event time at which the next message arrives; Infinity: nothing is on its way. */
  get nextDueMs(): number {
    return this.#queue.nextMs;
  }

  /** Of the readings that have not left: on their way, or in a message that is not full. */
  *waitingNumbers(): Generator<number> {
    for (const { message } of this.#queue) yield* message.numbers;
    yield* this.#maker.waitingNumbers();
  }

  /** Its payload will not say its time. */
  isTimeless({ site, metric }: TruthReading): boolean {
    return this.#hasTimeless && !FORMAT_TRAITS[this.#formatOf(site, metric)].hasTime;
  }

  /** Messages. */
  get onTheWayCount(): number {
    return this.#queue.size;
  }

  get hasWaiting(): boolean {
    return this.#queue.size > 0 || this.#maker.hasWaiting;
  }

  /** A reading by itself, whatever its format gathers. */
  again(entry: NumberedReading): PlantMessage {
    const { site, metric } = entry.reading;
    const format = this.#formatOf(site, metric);
    return this.#message({ format, level: topicLevelOf(format, metric), entries: [entry] });
  }

  /** What a machine reads at one tick; returns what leaves now. */
  add(entries: readonly NumberedReading[], timeMs: number): PlantMessage[] {
    const drafts = this.#maker.add(entries);
    if (this.#options.plan.delivery === null) return drafts.map((draft) => this.#message(draft));
    for (const draft of drafts) this.#meetFate(draft, timeMs);
    return this.take(timeMs);
  }

  /** What a site's payloads may be spoilt to. */
  damagesOf(site: string): readonly Damage[] {
    const [{ metric }] = this.#options.plan.signals;
    return damagesOf(this.#formatOf(site, metric), DAMAGES, this.#outputs.get(site)?.kind !== "mqtt");
  }

  /** So many payloads that are none, of each kind in turn, on the topic of the machine's first signal. */
  junk(machine: PlantMessage["machine"], count: number, timeMs: number): PlantMessage[] {
    const { plan, record } = this.#options;
    const [{ metric }] = plan.signals;
    const { site } = machine;
    const message = {
      ...this.again({
        number: 0,
        reading: { type: "reading", ...machine, metric, time: timeMs, value: 0.5 },
      }),
      numbers: [],
    };
    const damages = this.damagesOf(site);
    return Array.from({ length: count }, (_, index) => {
      const damage = damages[index % damages.length];
      record({ type: "delivery", site, readings: [], due: timeMs, malformed: damage });
      const payload = damagePayload(message.payload.toString(), this.#formatOf(site, metric), damage);
      return { ...message, payload };
    });
  }

  /** What has arrived by then. */
  take(untilMs: number): PlantMessage[] {
    const messages: PlantMessage[] = [];
    for (const { message, arriving } of this.#queue.take(untilMs)) {
      for (const reading of arriving) this.#options.onArrival(reading);
      messages.push(message);
    }
    return messages;
  }

  /** All that has not left, at once: nothing more comes. */
  rest(timeMs: number): PlantMessage[] {
    const drafts = this.#maker.rest();
    if (this.#options.plan.delivery === null) return drafts.map((draft) => this.#message(draft));
    for (const draft of drafts) this.#meetFate(draft, timeMs);
    return this.take(Infinity);
  }

  #formatOf(site: string, metric: Metric): ReadingFormat {
    return this.#formats.get(site)?.get(metric) ?? "json";
  }

  #meetFate(draft: MessageDraft, timeMs: number): void {
    const message = this.#message(draft);
    const fate = this.#fatesOf(message.topic, draft.format, message.machine.site).next();
    const heardMs = this.#silencesOf(message.machine)?.endMs(timeMs) ?? timeMs;
    const dueMs = Math.max(timeMs + fate.lateMs, heardMs);
    const { site } = message.machine;
    const line: TruthDelivery = { type: "delivery", site, readings: [...message.numbers], due: dueMs };
    if (fate.isLost) {
      this.#options.record({ ...line, isLost: true });
      return;
    }
    const arriving = draft.entries.map(({ reading }) => reading);
    const isLate = dueMs > timeMs;
    if (fate.damage !== null) {
      this.#options.record({ ...line, malformed: fate.damage });
      const payload = damagePayload(message.payload.toString(), draft.format, fate.damage);
      this.#queue.push(dueMs, { message: { ...message, payload, isLate }, arriving: [] });
      return;
    }
    const againMs = fate.againMs === null ? {} : { again: dueMs + fate.againMs };
    if (isLate || fate.againMs !== null) this.#options.record({ ...line, ...againMs });
    this.#queue.push(dueMs, { message: { ...message, isLate }, arriving });
    if (fate.againMs !== null)
      this.#queue.push(dueMs + fate.againMs, {
        message: { ...message, numbers: [], isLate },
        arriving: [],
      });
  }

  #message({ format, level, entries }: MessageDraft): PlantMessage {
    const [{ number, reading: machine }] = entries;
    const readings = entries.length === 1 ? [machine] : entries.map(({ reading }) => reading);
    const isSparkplug = format === "sparkplug";
    const hasPlace = this.#outputs.get(machine.site)?.kind === "files";
    return {
      machine,
      numbers: entries.length === 1 ? [number] : entries.map((entry) => entry.number),
      topic: topicOf(machine, level),
      payload: isSparkplug ? "" : encodeReadings(format, readings, { hasPlace }),
      readings: isSparkplug ? readings : null,
      isLate: false,
    };
  }

  #fatesOf(topic: string, format: ReadingFormat, site: string): MessageFates {
    let fates = this.#fates.get(topic);
    if (fates === undefined) {
      const { plan } = this.#options;
      if (plan.delivery === null) throw new Error("invariant: the plan has a delivery");
      const output = this.#outputs.get(site);
      fates = new MessageFates({
        plan: plan.delivery,
        name: streamName(plan.seed, topic, "delivery"),
        mayBeLost: output?.kind === "mqtt" && output.qos === 0,
        damages: damagesOf(format, plan.delivery.malformed.kinds, output?.kind !== "mqtt"),
      });
      this.#fates.set(topic, fates);
    }
    return fates;
  }

  #silencesOf({ site, line, machine }: PlantMessage["machine"]): Silences | null {
    const { plan, startMs } = this.#options;
    const silence = plan.delivery?.silence ?? null;
    if (silence === null) return null;
    const place = plan.connectionPer === "line" ? [site, line] : [site, line, machine];
    const key = place.join("/");
    let silences = this.#silences.get(key);
    if (silences === undefined)
      this.#silences.set(
        key,
        (silences = new Silences(silence, streamName(plan.seed, ...place, "silence"), startMs)),
      );
    return silences;
  }
}
