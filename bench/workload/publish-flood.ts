import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { BoundedSample } from "../measure/bounded-sample.ts";
import { processUsage } from "../measure/process-usage.ts";
import { percentile } from "../measure/statistics.ts";
import { type PublishTemplate, publishTemplate, putReadings } from "./publish-template.ts";

export interface PublishFloodOptions {
  readonly port: number;
  /** The broker's process, whose use is measured. */
  readonly pid: number;
  readonly connections: number;
  /** Spread over the connections; a multiple of them. */
  readonly devices: number;
  readonly readingsPerMessage: number;
  readonly qos: 0 | 1;
  readonly keepAliveSeconds?: number;
  /** The readings' time is the clock's; by default each device counts its own milliseconds from an hour ago. */
  readonly isNow?: boolean;
  /** Between the readings of a device, where their time is not the clock's; default 1 ms. */
  readonly stepMs?: number;
  /** When they begin, before now; default an hour. */
  readonly beginAgoMs?: number;
}

export interface FloodRound {
  readonly durationMs: number;
  /** QoS 1: unacknowledged at most, per connection. Without meaning for QoS 0: as many as the broker reads. */
  readonly inFlight: number;
  /** Messages a second in all, by the clock; as many as the broker takes by default. */
  readonly perSecond?: number;
  /** QoS 0: the round is over when each device has sent so many messages, if that is sooner. */
  readonly messagesEach?: number;
}

export interface FloodResult {
  /** Taken by the broker: with QoS 1 acknowledged, with QoS 0 sent before a ping that it has answered. */
  readonly messageCount: number;
  readonly seconds: number;
  /** From handing a message to the socket to its PUBACK; null with QoS 0. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number } | null;
  /** Of the broker's process, all its threads and the kernel's work for it; NaN where it cannot be measured. */
  readonly brokerCpuMs: number;
  readonly brokerResidentBytes: number;
  /** Of the load itself: near the round's length, the load was the limit. */
  readonly ownCpuMs: number;
}

const PINGREQ = Buffer.from([0xc0, 0x00]);
const IDS = 65_535;
/** The readings' times begin so long ago: they may go faster than the clock. */
const BEGIN_AGO_MS = 3_600_000;

/**
 * Devices that publish as fast as a broker takes it, over a few connections: packets that are made once and patched, many in
 * each write, so that the load is light beside what it loads.
 */
export class PublishFlood {
  readonly #options: PublishFloodOptions;
  readonly #publishers: readonly Publisher[];

  static async connect(options: PublishFloodOptions): Promise<PublishFlood> {
    const perConnection = options.devices / options.connections;
    const publishers = Array.from({ length: options.connections }, async (_, line) => {
      const templates = Array.from({ length: perConnection }, (_unused, machine) =>
        publishTemplate({
          topic: `factory/alpha/line-${line}/machine-${machine}/temperature`,
          readings: options.readingsPerMessage,
          qos: options.qos,
          device: line * perConnection + machine,
        }),
      );
      return new Publisher(await connected(options, line), templates, options);
    });
    return new PublishFlood(options, await Promise.all(publishers));
  }

  private constructor(options: PublishFloodOptions, publishers: readonly Publisher[]) {
    this.#options = options;
    this.#publishers = publishers;
  }

  async run({ durationMs, inFlight, perSecond, messagesEach = Infinity }: FloodRound): Promise<FloodResult> {
    const { pid, qos, connections } = this.#options;
    const before = processUsage(pid);
    const ownBefore = process.cpuUsage();
    const startedMs = performance.now();
    const endMs = startedMs + durationMs;
    const perConnection = perSecond === undefined ? undefined : perSecond / connections;
    const counts = await Promise.all(
      this.#publishers.map((publisher) =>
        qos === 1
          ? publisher.runAcknowledged(endMs, inFlight, perConnection)
          : publisher.runUnacknowledged(endMs, perConnection, messagesEach),
      ),
    );
    const seconds = (performance.now() - startedMs) / 1_000;
    const after = processUsage(pid);
    const own = process.cpuUsage(ownBefore);
    const samples = this.#publishers.map((publisher) => publisher.latencies.take());
    const latencies = samples.flatMap(({ values }) => values);
    return {
      messageCount: counts.reduce((sum, count) => sum + count, 0),
      seconds,
      latencyMs:
        latencies.length === 0
          ? null
          : {
              p50: percentile(latencies, 0.5),
              p99: percentile(latencies, 0.99),
              max: Math.max(...samples.map(({ max }) => max)),
            },
      brokerCpuMs: after === null || before === null ? Number.NaN : after.cpuMs - before.cpuMs,
      brokerResidentBytes: after?.residentBytes ?? Number.NaN,
      ownCpuMs: (own.user + own.system) / 1_000,
    };
  }
}

/** One connection and its devices. */
class Publisher {
  readonly #socket: Socket;
  readonly #templates: readonly PublishTemplate[];
  readonly #isNow: boolean;
  readonly #stepMs: number;
  #firstMs: number;
  #device = 0;
  #id = 0;
  /** Of acknowledgements, ms. */
  readonly latencies = new BoundedSample();
  readonly #sentAtMs = new Float64Array(IDS + 1);
  #openCount = 0;
  /** A PUBACK of which the first bytes have come. */
  #rest: Buffer = Buffer.alloc(0);
  #acked: ((count: number) => void) | undefined;
  #answered: (() => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  constructor(socket: Socket, templates: readonly PublishTemplate[], options: PublishFloodOptions) {
    const { isNow = false, stepMs = 1, beginAgoMs = BEGIN_AGO_MS } = options;
    this.#socket = socket;
    this.#isNow = isNow;
    this.#stepMs = stepMs;
    this.#firstMs = Date.now() - beginAgoMs;
    this.#templates = templates;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#failed?.(error));
    socket.on("close", () => this.#failed?.(new Error("cannot go on: the broker has closed a connection")));
  }

  /** Every acknowledgement sends the next message; or the clock does, whatever is acknowledged. */
  async runAcknowledged(endMs: number, inFlight: number, perSecond: number | undefined): Promise<number> {
    const startedMs = performance.now();
    let [ackedCount, sentCount] = [0, 0];
    await this.#until((done) => {
      const send = (count: number): void => {
        sentCount += count;
        if (count > 0) this.#socket.write(this.#encode(count));
      };
      const tick = (): void => {
        const nowMs = performance.now();
        if (nowMs >= endMs) return this.#openCount === 0 ? done() : undefined;
        send(Math.floor(((nowMs - startedMs) * (perSecond ?? 0)) / 1_000) - sentCount);
        setTimeout(tick, 1);
      };
      this.#acked = (count) => {
        const isOver = performance.now() >= endMs;
        ackedCount += count;
        if (isOver && this.#openCount === 0) done();
        else if (!isOver && perSecond === undefined) send(count);
      };
      if (perSecond === undefined) send(inFlight);
      else setTimeout(tick, Math.random() * 20);
    });
    return ackedCount;
  }

  /** One message of each device a write, the next write when the socket has taken it, or when it is due. */
  async runUnacknowledged(
    endMs: number,
    perSecond: number | undefined,
    messagesEach: number,
  ): Promise<number> {
    const startedMs = performance.now();
    const messagesMax = messagesEach * this.#templates.length;
    let sentCount = 0;
    await this.#until((done) => {
      const next = (): void => {
        const nowMs = performance.now();
        if (nowMs >= endMs || sentCount >= messagesMax) return done();
        const dueCount =
          perSecond === undefined
            ? this.#templates.length
            : Math.floor(((nowMs - startedMs) * perSecond) / 1_000) - sentCount;
        const count = Math.min(dueCount, messagesMax - sentCount);
        if (count <= 0) return void setTimeout(next, 1);
        sentCount += count;
        this.#socket.write(this.#encode(count), perSecond === undefined ? next : () => setTimeout(next, 1));
      };
      next();
    });
    await this.#until((done) => {
      this.#answered = done;
      this.#socket.write(PINGREQ);
    });
    return sentCount;
  }

  async #until(start: (done: () => void) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#failed = reject;
    start(resolve);
    await promise;
  }

  #encode(messageCount: number): Buffer {
    let length = 0;
    for (let index = 0; index < messageCount; index += 1)
      length += this.#templates[(this.#device + index) % this.#templates.length].bytes.length;
    const bytes = Buffer.allocUnsafe(length);
    const nowMs = performance.now();
    if (this.#isNow) this.#firstMs = Math.max(this.#firstMs, Date.now());
    let at = 0;
    for (let index = 0; index < messageCount; index += 1) {
      const template = this.#templates[this.#device];
      bytes.set(template.bytes, at);
      putReadings(bytes, at, template, { firstMs: this.#firstMs, stepMs: this.#stepMs });
      if (template.idAt >= 0) {
        this.#id = (this.#id % IDS) + 1;
        bytes[at + template.idAt] = this.#id >> 8;
        bytes[at + template.idAt + 1] = this.#id & 0xff;
        this.#sentAtMs[this.#id] = nowMs;
        this.#openCount += 1;
      }
      at += template.bytes.length;
      this.#device += 1;
      if (this.#device === this.#templates.length) {
        this.#device = 0;
        this.#firstMs += template.timesAt.length * this.#stepMs;
      }
    }
    return bytes;
  }

  /** PUBACK (4 bytes) and PINGRESP (2 bytes): nothing else comes. */
  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const nowMs = performance.now();
    let at = 0;
    let ackCount = 0;
    let isPong = false;
    while (bytes.length - at >= 2) {
      if (bytes[at] === 0xd0) {
        isPong = true;
        at += 2;
        continue;
      }
      if (bytes[at] !== 0x40) throw new Error(`invariant: an unexpected packet, ${bytes[at]}`);
      if (bytes.length - at < 4) break;
      const id = (bytes[at + 2] << 8) | bytes[at + 3];
      this.latencies.add(nowMs - this.#sentAtMs[id]);
      ackCount += 1;
      at += 4;
    }
    this.#rest = bytes.subarray(at);
    this.#openCount -= ackCount;
    if (ackCount > 0) this.#acked?.(ackCount);
    if (isPong) this.#answered?.();
  }
}

async function connected(options: PublishFloodOptions, line: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: options.port, noDelay: true });
  await once(socket, "connect");
  const id = Buffer.from(`flood-${process.pid}-${line}`);
  const { keepAliveSeconds = 0 } = options;
  const head = [
    0,
    4,
    0x4d,
    0x51,
    0x54,
    0x54,
    4,
    2,
    keepAliveSeconds >> 8,
    keepAliveSeconds & 0xff,
    0,
    id.length,
  ];
  socket.write(Buffer.concat([Buffer.from([0x10, head.length + id.length, ...head]), id]));
  const [connack]: Buffer[] = await once(socket, "data");
  if (connack[0] !== 0x20 || connack[3] !== 0) throw new Error("cannot connect: the broker has refused");
  return socket;
}
