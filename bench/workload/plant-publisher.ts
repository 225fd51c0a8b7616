import { connect, type Socket } from "node:net";
import { Plant } from "../../simulator/src/plant/plant.ts";
import { readingMessage } from "../../simulator/src/plant/recorded-plant.ts";
import { parsePlan } from "../../simulator/src/plan/load-plan.ts";
import { once } from "node:events";

/** The signals of `simulator/plans/newcomer.yaml`, without faults. */
const SIGNALS = `
  temperature: { noise: 0.3, driftPerHour: 0.2 }
  vibration: { noise: 0.06, driftPerHour: 0.05, spikes: { probability: 0.0005, height: 8 } }
  pressure: { noise: 0.015, driftPerHour: 0.02, spikes: { probability: 0.0005, height: 2 } }`;
const TICK_MS = 5;

/** A plant of the simulator, three noisy series a machine, that publishes at QoS 0 over one connection. */
export class PlantPublisher {
  readonly #socket: Socket;
  readonly #plant: Plant;
  #messageCount = 0;
  #packetBytes = 0;
  /** Of the payloads, one a line; for whoever wants to know how they compress. */
  readonly #payloads: string[] = [];
  readonly #payloadsMax: number;

  static async connect(options: {
    readonly port: number;
    readonly machines: number;
    readonly readingsPerSecond: number;
    readonly payloadsMax: number;
  }): Promise<PlantPublisher> {
    const socket = connect({ host: "127.0.0.1", port: options.port, noDelay: true });
    await once(socket, "connect");
    // CONNECT, clean session, no keep-alive, client "plant" (MQTT 3.1.1, 3.1).
    const id = Buffer.from("plant");
    socket.write(
      Buffer.from([0x10, 12 + id.length, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, id.length, ...id]),
    );
    await once(socket, "data");
    const lines = 3;
    const machinesPerLine = Math.round(options.machines / lines);
    const plan = parsePlan(
      `version: 1
readingsPerSecond: ${options.readingsPerSecond}
sites: { alpha: { broker: "mqtt://127.0.0.1:1", lines: ${lines}, machinesPerLine: ${machinesPerLine} } }
signals:${SIGNALS}
`,
      "plan",
    );
    return new PlantPublisher(socket, new Plant(plan, Date.now()), options.payloadsMax);
  }

  private constructor(socket: Socket, plant: Plant, payloadsMax: number) {
    this.#socket = socket;
    this.#plant = plant;
    this.#payloadsMax = payloadsMax;
  }

  /** What was published by now: messages, and the bytes of their PUBLISH packets. */
  get published(): { readonly messages: number; readonly packetBytes: number } {
    return { messages: this.#messageCount, packetBytes: this.#packetBytes };
  }

  /** The first payloads, a line each. */
  get payloads(): string {
    return this.#payloads.join("\n");
  }

  /** In step with the clock. */
  async run(durationMs: number): Promise<void> {
    const endMs = Date.now() + durationMs;
    const { promise, resolve } = Promise.withResolvers<void>();
    const tick = (): void => {
      const nowMs = Date.now();
      const packets: Buffer[] = [];
      while (this.#plant.nextTimeMs <= nowMs)
        for (const reading of this.#plant.step().readings)
          packets.push(this.#packet(readingMessage(reading)));
      if (packets.length > 0) this.#socket.write(Buffer.concat(packets));
      if (nowMs < endMs) setTimeout(tick, TICK_MS);
      else resolve();
    };
    tick();
    await promise;
  }

  stop(): void {
    this.#socket.destroy();
  }

  #packet({ topic, payload }: { readonly topic: string; readonly payload: string }): Buffer {
    const length = 2 + topic.length + payload.length;
    // All are shorter than 16,384 bytes: two bytes of length at most.
    const header = length < 128 ? [0x30, length] : [0x30, (length & 127) | 128, length >> 7];
    const bytes = Buffer.from([
      ...header,
      topic.length >> 8,
      topic.length & 255,
      ...Buffer.from(topic + payload),
    ]);
    this.#messageCount += 1;
    this.#packetBytes += bytes.length;
    if (this.#payloads.length < this.#payloadsMax) this.#payloads.push(payload);
    return bytes;
  }
}
