import { METRICS, type Metric } from "../plan/metric.ts";
import type { TruthReading } from "../truth/truth-line.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";

export interface SparkplugMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
}

export interface SparkplugNodeOptions {
  /** The site. */
  readonly group: string;
  /** The line. */
  readonly node: string;
  /** What every device reports. */
  readonly metrics: readonly Metric[];
}

/** Data types by their number (Sparkplug 3.0, 6.4.16). */
const TYPE = { int64: 4, double: 10, boolean: 11 } as const;
const REBIRTH = "Node Control/Rebirth";

/**
 * An edge node whose devices are machines (Sparkplug 3.0, chapter 5): a will, births, data by alias, a sequence number
 * that begins anew with each birth. A device is born with its first data: they are in the birth. What it says is a matter
 * of its connections, so it is encoded when it is sent.
 */
export class SparkplugNode {
  readonly #options: SparkplugNodeOptions;
  /** Last readings by device, in the order in which the devices were first heard; kept over connections. */
  readonly #devices = new Map<string, { readonly index: number; readonly last: Map<Metric, TruthReading> }>();
  readonly #born = new Set<string>();
  #birthDeathNumber = -1;
  #sequence = 0;

  constructor(options: SparkplugNodeOptions) {
    this.#options = options;
  }

  /** Of commands for this node; rebirth is the only one that it knows. */
  get commandTopic(): string {
    return this.#topic("NCMD");
  }

  isRebirth(topic: string, payload: Uint8Array): boolean {
    return topic === this.commandTopic && Buffer.from(payload).includes(REBIRTH);
  }

  /** Of the next connection: told by the broker when that is lost. */
  will(): SparkplugMessage {
    this.#birthDeathNumber = (this.#birthDeathNumber + 1) % 256;
    return this.death();
  }

  /** Of this connection. */
  death(): SparkplugMessage {
    const payload = new ProtobufWriter().message(2, this.#birthDeathMetric(null)).bytes;
    return { topic: this.#topic("NDEATH"), payload };
  }

  /** First on a connection, and on request: the node, and the devices that have spoken by now, with their last values. */
  births(nowMs: number): SparkplugMessage[] {
    this.#sequence = 0;
    this.#born.clear();
    const rebirth = new ProtobufWriter().text(1, REBIRTH).integer(3, nowMs).integer(4, TYPE.boolean);
    const node = new ProtobufWriter()
      .integer(1, nowMs)
      .message(2, this.#birthDeathMetric(nowMs))
      .message(2, rebirth.integer(14, 0))
      .integer(3, this.#nextSequence()).bytes;
    return [
      { topic: this.#topic("NBIRTH"), payload: node },
      ...[...this.#devices.keys()].map((device) => this.#birth(device, nowMs)),
    ];
  }

  /** `isHistorical`: they waited for a connection. With the birth of their device where that is not born yet. */
  data(readings: readonly TruthReading[], isHistorical: boolean, nowMs: number): SparkplugMessage[] {
    const [first] = readings;
    if (first === undefined) throw new Error("invariant: a message has readings");
    const device = this.#device(first.machine);
    for (const reading of readings) {
      const last = device.last.get(reading.metric);
      if (last === undefined || last.time <= reading.time) device.last.set(reading.metric, reading);
    }
    const isNow = readings.every((reading) => device.last.get(reading.metric) === reading);
    const births = this.#born.has(first.machine) ? [] : [this.#birth(first.machine, nowMs)];
    if (births.length > 0 && isNow && !isHistorical) return births;
    const payload = new ProtobufWriter().integer(1, nowMs);
    for (const { metric, value, time } of readings) {
      const written = new ProtobufWriter().integer(2, this.#alias(device.index, metric)).integer(3, time);
      if (isHistorical) written.integer(5, 1);
      payload.message(2, written.double(13, value));
    }
    payload.integer(3, this.#nextSequence());
    return [...births, { topic: this.#topic("DDATA", first.machine), payload: payload.bytes }];
  }

  #birth(machine: string, nowMs: number): SparkplugMessage {
    const device = this.#device(machine);
    const payload = new ProtobufWriter().integer(1, nowMs);
    for (const metric of this.#options.metrics) {
      const written = new ProtobufWriter().text(1, metric).integer(2, this.#alias(device.index, metric));
      const last = device.last.get(metric);
      if (last !== undefined) written.integer(3, last.time);
      written.integer(4, TYPE.double);
      if (last !== undefined) written.double(13, last.value);
      payload.message(2, written);
    }
    this.#born.add(machine);
    payload.integer(3, this.#nextSequence());
    return { topic: this.#topic("DBIRTH", machine), payload: payload.bytes };
  }

  #device(machine: string): { readonly index: number; readonly last: Map<Metric, TruthReading> } {
    let device = this.#devices.get(machine);
    if (device === undefined)
      this.#devices.set(machine, (device = { index: this.#devices.size, last: new Map() }));
    return device;
  }

  /** Unique in the node. */
  #alias(device: number, metric: Metric): number {
    return device * METRICS.length + METRICS.indexOf(metric) + 1;
  }

  #birthDeathMetric(timeMs: number | null): ProtobufWriter {
    const metric = new ProtobufWriter().text(1, "bdSeq");
    if (timeMs !== null) metric.integer(3, timeMs);
    return metric.integer(4, TYPE.int64).integer(11, this.#birthDeathNumber);
  }

  #nextSequence(): number {
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) % 256;
    return sequence;
  }

  #topic(type: string, device?: string): string {
    const { group, node } = this.#options;
    const path = `spBv1.0/${group}/${type}/${node}`;
    return device === undefined ? path : `${path}/${device}`;
  }
}
