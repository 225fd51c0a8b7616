import { connect, type Socket } from "node:net";
import type { TruthReading } from "../../simulator/src/truth/truth-line.ts";
import { until } from "./until.ts";
import type { Works } from "./works.ts";

export interface FastSensorOptions {
  readonly works: Works;
  readonly port: number;
  readonly site: string;
  /** Also the client's id. */
  readonly line: string;
  readonly machineCount: number;
  /** Readings a second of all its machines; `machineCount` × 1000 / `perSecond` must be whole milliseconds. */
  readonly perSecond: number;
  /**
   * After an outage, or a pause of the test's own process, all that became due meanwhile is made at once, for a minute of
   * outage at 1,000 a second. Without: no more than `perSecond`, so that it stays behind. Default false.
   */
  readonly keepsPace?: boolean;
}

/** Readings on the way; beyond it the next wait. Below the 65,535 packet ids that there are. */
const IN_FLIGHT_MAX = 8_000;
const IN_FLIGHT_MAX_KEEPING_PACE = 60_000;
const TICK_MS = 5;
const RECONNECT_MS = 20;
const TOKENS_S_MAX = 0.5;
const PUBACK_BYTES = 4;

/**
 * Machines on one raw MQTT connection, QoS 1, that send thousands of readings a second and cost next to nothing. The
 * number of a reading tells everything of it, so the truth takes no memory; the broker acknowledges in order, so one
 * number tells what it holds. What is not acknowledged goes out again, first, after each reconnect.
 */
export class FastSensor {
  readonly #options: FastSensorOptions;
  readonly #stepMs: number;
  readonly #startMs = Date.now();
  #madeCount = 0;
  #sentCount = 0;
  #ackedCount = 0;
  #tokens = 0;
  #refilledMs = 0;
  #socket: Socket | undefined;
  #isConnected = false;
  #isMaking = false;
  #isEnded = false;
  #rest: Buffer = Buffer.alloc(0);
  /** From each loss of the connection to the next acknowledgement. */
  readonly outagesMs: number[] = [];
  #lostAtMs: number | undefined;
  readonly faults: string[] = [];

  constructor(options: FastSensorOptions) {
    this.#options = options;
    this.#stepMs = (options.machineCount * 1_000) / options.perSecond;
    if (!Number.isInteger(this.#stepMs)) throw new Error("readings of a machine must be whole ms apart");
    this.#connect();
    const timer = setInterval(() => this.#tick(), TICK_MS);
    options.works.atEnd(() => {
      this.#isEnded = true;
      clearInterval(timer);
      this.#socket?.destroy();
    });
  }

  get madeCount(): number {
    return this.#madeCount;
  }

  get ackedCount(): number {
    return this.#ackedCount;
  }

  start(): void {
    this.#isMaking = true;
    this.#refilledMs = performance.now();
  }

  /** No further readings; resolves when all are acknowledged. */
  async stop(limitMs = 60_000): Promise<void> {
    this.#isMaking = false;
    await until(
      `all ${this.#madeCount} readings of ${this.#options.line} are acknowledged`,
      () => this.#ackedCount === this.#madeCount,
      limitMs,
    );
  }

  *truth(count = this.#madeCount): Generator<TruthReading> {
    for (let number = 0; number < count; number += 1) yield this.#reading(number);
  }

  #reading(number: number): TruthReading {
    const { site, line, machineCount } = this.#options;
    const round = Math.floor(number / machineCount);
    return {
      type: "reading",
      site,
      line,
      machine: `m${number % machineCount}`,
      metric: "temperature",
      time: this.#startMs + round * this.#stepMs,
      // Spread over 70 degrees, so that a reading too many or too few shows in the sum of its window.
      value: ((Math.imul(number + 1, 2_654_435_761) >>> 0) % 70_001) / 1_000,
    };
  }

  #tick(): void {
    if (this.#isMaking) this.#make();
    this.#send();
  }

  #make(): void {
    const { perSecond, machineCount, keepsPace = false } = this.#options;
    const nowMs = performance.now();
    const gained = ((nowMs - this.#refilledMs) / 1_000) * perSecond;
    this.#tokens = Math.min(this.#tokens + gained, perSecond * TOKENS_S_MAX);
    this.#refilledMs = nowMs;
    const dueCount = Math.floor((Date.now() - this.#startMs) / this.#stepMs) * machineCount - this.#madeCount;
    const inFlightMax = keepsPace ? IN_FLIGHT_MAX_KEEPING_PACE : IN_FLIGHT_MAX;
    const room = this.#ackedCount + inFlightMax - this.#madeCount;
    const allowed = keepsPace ? Number.POSITIVE_INFINITY : Math.floor(this.#tokens);
    const count = Math.max(0, Math.min(allowed, dueCount, room));
    this.#tokens -= count;
    this.#madeCount += count;
  }

  #send(): void {
    if (!this.#isConnected || this.#sentCount === this.#madeCount) return;
    const packets: Buffer[] = [];
    for (; this.#sentCount < this.#madeCount; this.#sentCount += 1)
      packets.push(this.#packet(this.#sentCount));
    this.#socket?.write(Buffer.concat(packets));
  }

  #packet(number: number): Buffer {
    const { site, line, machine, time, value } = this.#reading(number);
    const topic = `factory/${site}/${line}/${machine}/temperature`;
    const body = `{"ts":${time},"value":${value}}`;
    const length = 2 + topic.length + 2 + body.length;
    const packet = Buffer.alloc(2 + length);
    if (length > 127) throw new Error("the packet is longer than its length byte can tell");
    packet[0] = 0x32;
    packet[1] = length;
    packet.writeUInt16BE(topic.length, 2);
    packet.write(topic, 4, "latin1");
    packet.writeUInt16BE(idOf(number), 4 + topic.length);
    packet.write(body, 6 + topic.length, "latin1");
    return packet;
  }

  #connect(): void {
    if (this.#isEnded) return;
    const socket = connect(this.#options.port, "127.0.0.1");
    this.#socket = socket;
    this.#rest = Buffer.alloc(0);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("connect", () => socket.write(connectPacket(this.#options.line)));
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("close", () => {
      if (this.#isConnected) this.#lostAtMs ??= performance.now();
      this.#isConnected = false;
      setTimeout(() => this.#connect(), RECONNECT_MS);
    });
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (; at + PUBACK_BYTES <= bytes.length; at += PUBACK_BYTES) {
      if (bytes[at] === 0x20) {
        this.#isConnected = true;
        this.#sentCount = this.#ackedCount;
        continue;
      }
      if (bytes[at] !== 0x40 || bytes.readUInt16BE(at + 2) !== idOf(this.#ackedCount)) {
        this.faults.push(`not the next PUBACK: ${bytes.toString("hex", at, at + PUBACK_BYTES)}`);
        continue;
      }
      this.#ackedCount += 1;
      if (this.#lostAtMs === undefined) continue;
      this.outagesMs.push(performance.now() - this.#lostAtMs);
      this.#lostAtMs = undefined;
    }
    this.#rest = bytes.subarray(at);
    this.#send();
  }
}

function idOf(number: number): number {
  return (number % 65_535) + 1;
}

/** MQTT 3.1.1, clean session, keep-alive of a minute. */
function connectPacket(clientId: string): Buffer {
  const id = Buffer.from(clientId);
  const fixed = Buffer.from([0x10, 12 + id.length, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 60, 0, id.length]);
  return Buffer.concat([fixed, id]);
}
