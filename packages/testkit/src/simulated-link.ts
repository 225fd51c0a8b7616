import type { AgentConnection, DownTopic, UplinkHandlers, UplinkTransport, UpTopic } from "@millrace/wire";
import type { SeededRandom } from "./seeded-random.ts";
import type { SimulatedTime } from "./simulated-time.ts";

/** Central's side, as the link sees it. */
export interface Intake {
  onOpen(connection: AgentConnection): void;
  onMessage(connection: AgentConnection, topic: UpTopic, payload: Uint8Array): void;
  onClose(connection: AgentConnection): void;
}

/** How bad the link is. Worse than TCP on purpose: what survives this survives any transport. */
export interface LinkFaults {
  lossProbability: number;
  duplicateProbability: number;
  delayMsMin: number;
  delayMsMax: number;
  /** Nothing gets through from agent to central, or back. One of them alone is a one-way partition. */
  isUpCut: boolean;
  isDownCut: boolean;
  /** What the way from agent to central carries; more waits in line, heartbeats behind batches. */
  upBytesPerSecondMax: number;
}

export function healthyLink(): LinkFaults {
  return {
    lossProbability: 0,
    duplicateProbability: 0,
    delayMsMin: 1,
    delayMsMax: 3,
    isUpCut: false,
    isDownCut: false,
    upBytesPerSecondMax: Number.POSITIVE_INFINITY,
  };
}

const CONNECT_TIMEOUT_MS = 3_000;
/** What the operating system and the network take without the program seeing that it waits. */
const OUT_OF_SIGHT_BYTES = 4 * 1024 * 1024;

/**
 * The network between one agent and central: loses, doubles, delays and so reorders each message by chance. A cut link
 * says nothing: its ends find out by silence. `intake` is asked at every delivery, so that central may die and return.
 */
export class SimulatedLink {
  readonly faults: LinkFaults;
  readonly #time: SimulatedTime;
  readonly #random: SeededRandom;
  readonly #agent: string;
  readonly #intake: () => Intake | undefined;
  #connectionCount = 0;
  /** When the last byte that waits to go up will have left; what a closed connection has sent still goes first. */
  #upIsFreeAtMs = 0;

  constructor(options: {
    readonly time: SimulatedTime;
    readonly random: SeededRandom;
    readonly agent: string;
    readonly faults: LinkFaults;
    intake(): Intake | undefined;
  }) {
    this.#time = options.time;
    this.#random = options.random;
    this.#agent = options.agent;
    this.faults = options.faults;
    this.#intake = () => options.intake();
  }

  /** Bytes on their way up that have not left yet. */
  get upQueueBytes(): number {
    const waitMs = Math.max(0, this.#upIsFreeAtMs - this.#time.nowMs);
    return waitMs === 0 ? 0 : (waitMs / 1000) * this.faults.upBytesPerSecondMax;
  }

  /** The transport of one life of the agent; nothing reaches it once `isAlive` is false. */
  transport(isAlive: () => boolean): UplinkTransport {
    let current:
      | { close(reason: string): void; send(topic: UpTopic, payload: Uint8Array): boolean }
      | undefined;
    const upQueueBytes = () => this.upQueueBytes;
    return {
      get bufferedBytes() {
        return Math.max(0, upQueueBytes() - OUT_OF_SIGHT_BYTES);
      },
      connect: (handlers) => {
        current = this.#connect(handlers, isAlive, () => (current = undefined));
      },
      send: (topic, payload) => current?.send(topic, payload) ?? false,
      close: () => current?.close("closed by the agent"),
    };
  }

  #connect(handlers: UplinkHandlers, isAlive: () => boolean, ended: () => void) {
    this.#connectionCount += 1;
    const id = `${this.#agent}#${this.#connectionCount}`;
    let intake: Intake | undefined;
    let isOpen = false;
    let isEnded = false;
    const end = (reason: string) => {
      if (isEnded) return;
      isEnded = true;
      ended();
      if (isAlive()) handlers.closed(reason);
    };
    const connection: AgentConnection = {
      id,
      agent: this.#agent,
      send: (topic: DownTopic, payload) => {
        this.#carry(
          "down",
          () => {
            if (!isEnded && isAlive()) handlers.message(topic, payload);
          },
          payload,
        );
      },
      close: (reason) => this.#carry("down", () => end(reason), undefined),
    };
    this.#time.after(this.#delayMs(), () => {
      intake = this.#intake();
      if (!isAlive() || isEnded) return;
      if (intake === undefined) return end("connection refused");
      if (this.faults.isUpCut || this.faults.isDownCut) {
        this.#time.after(CONNECT_TIMEOUT_MS, () => end("connect timed out"));
        return;
      }
      isOpen = true;
      intake.onOpen(connection);
      handlers.opened();
    });
    return {
      close: (reason: string) => {
        if (isOpen && intake !== undefined)
          this.#carry("up", () => this.#ifServing(intake)?.onClose(connection), undefined);
        end(reason);
      },
      send: (topic: UpTopic, payload: Uint8Array) => {
        if (!isOpen || isEnded) return false;
        this.#carry(
          "up",
          () => {
            const serving = this.#ifServing(intake);
            if (serving === undefined) return this.#time.after(1, () => end("connection reset"));
            return serving.onMessage(connection, topic, payload);
          },
          payload,
        );
        return true;
      },
    };
  }

  /** The life of central that the connection belongs to, while it lasts. */
  #ifServing(intake: Intake | undefined): Intake | undefined {
    return intake !== undefined && this.#intake() === intake ? intake : undefined;
  }

  /** Control signals (no payload) are as late as messages, but not lost, unless the direction is cut. */
  #carry(direction: "up" | "down", deliver: () => void, payload: Uint8Array | undefined): void {
    if (direction === "up" ? this.faults.isUpCut : this.faults.isDownCut) return;
    if (payload !== undefined && this.#random.chance(this.faults.lossProbability)) return;
    const copies = payload !== undefined && this.#random.chance(this.faults.duplicateProbability) ? 2 : 1;
    const queueMs = direction === "up" ? this.#queueUpMs(payload?.length ?? 0) : 0;
    for (let copy = 0; copy < copies; copy += 1) this.#time.after(queueMs + this.#delayMs(), deliver);
  }

  /** How long until the last of these bytes has left. */
  #queueUpMs(bytes: number): number {
    const { nowMs } = this.#time;
    this.#upIsFreeAtMs =
      Math.max(this.#upIsFreeAtMs, nowMs) + (bytes / this.faults.upBytesPerSecondMax) * 1000;
    return this.#upIsFreeAtMs - nowMs;
  }

  #delayMs(): number {
    return this.faults.delayMsMin + this.#random.next() * (this.faults.delayMsMax - this.faults.delayMsMin);
  }
}
