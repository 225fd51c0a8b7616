import { connect, createServer, type Server, type Socket } from "node:net";
import type { Clock, Random } from "@millrace/runtime";
import { listenOn } from "../listen-on.ts";
import type { LinkPlan, LinkState } from "./link-plan.ts";

export interface LinkEmulatorOptions {
  readonly plan: Pick<LinkPlan, "host" | "port" | "latencyMs" | "jitterMs" | "bytesPerSecond">;
  readonly site: string;
  /** Where the agent connects to; 0: any that is free. */
  readonly port: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** On the way in one direction of one connection; beyond it the sender is not read. */
const QUEUE_BYTES_MAX = 262_144;

/**
 * A site's line to central: TCP connections that take their time, share its bandwidth, and are cut or hang with it. Down
 * refuses and closes; half-open keeps what is connected and lets nothing through.
 */
export class LinkEmulator {
  readonly #options: LinkEmulatorOptions;
  readonly #server: Server;
  readonly #connections = new Set<LinkConnection>();
  readonly #freeAtMs = { toCentral: 0, fromCentral: 0 };
  #state: LinkState = "up";

  private constructor(options: LinkEmulatorOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Throws port_in_use. */
  static async listen(options: LinkEmulatorOptions): Promise<LinkEmulator> {
    const link = new LinkEmulator(options);
    const { site, port } = options;
    await listenOn(link.#server, {
      host: "127.0.0.1",
      port,
      purpose: `the line of site ${site}`,
      setting: "links.firstPort of the plan",
    });
    return link;
  }

  get port(): number {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null)
      throw new Error("invariant: the line listens on a port");
    return address.port;
  }

  setState(state: LinkState): void {
    this.#state = state;
    for (const connection of this.#connections) {
      if (state === "down") connection.end();
      else connection.setHeld(state === "half-open");
    }
  }

  close(): Promise<void> {
    for (const connection of this.#connections) connection.end();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(near: Socket): void {
    if (this.#state === "down") {
      near.destroy();
      return;
    }
    const { plan, clock, random } = this.#options;
    const far = connect({ host: plan.host, port: plan.port });
    const flow = (way: "toCentral" | "fromCentral") => (bytes: number) => {
      const nowMs = clock.monotonicMs();
      this.#freeAtMs[way] = Math.max(nowMs, this.#freeAtMs[way]) + (bytes * 1_000) / plan.bytesPerSecond;
      return this.#freeAtMs[way] - nowMs + plan.latencyMs + random.next() * plan.jitterMs;
    };
    const flows = [
      new LinkFlow({ from: near, to: far, clock, delayMs: flow("toCentral") }),
      new LinkFlow({ from: far, to: near, clock, delayMs: flow("fromCentral") }),
    ];
    const connection = new LinkConnection([near, far], flows, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    connection.setHeld(this.#state === "half-open");
  }
}

class LinkConnection {
  readonly #sockets: readonly Socket[];
  readonly #flows: readonly LinkFlow[];
  readonly #onEnd: () => void;

  constructor(sockets: readonly Socket[], flows: readonly LinkFlow[], onEnd: () => void) {
    this.#sockets = sockets;
    this.#flows = flows;
    this.#onEnd = onEnd;
    for (const socket of sockets) {
      socket.on("error", () => this.end());
      socket.on("close", () => this.end());
    }
  }

  setHeld(isHeld: boolean): void {
    for (const flow of this.#flows) flow.setHeld(isHeld);
  }

  end(): void {
    this.#onEnd();
    for (const flow of this.#flows) flow.stop();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** One direction: bytes leave in their order, each after its delay. */
class LinkFlow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #clock: Clock;
  readonly #queue: { readonly chunk: Buffer; readonly dueAtMs: number }[] = [];
  #queuedBytes = 0;
  #timer: { cancel(): void } | null = null;
  #isHeld = false;
  #isStopped = false;

  constructor(options: {
    readonly from: Socket;
    readonly to: Socket;
    readonly clock: Clock;
    readonly delayMs: (bytes: number) => number;
  }) {
    const { from, to, clock, delayMs } = options;
    this.#from = from;
    this.#to = to;
    this.#clock = clock;
    from.on("data", (chunk: Buffer) => {
      this.#queue.push({ chunk, dueAtMs: clock.monotonicMs() + delayMs(chunk.length) });
      this.#queuedBytes += chunk.length;
      this.#settle();
    });
    to.on("drain", () => this.#settle());
  }

  setHeld(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#settle();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#queue.length = 0;
  }

  #settle(): void {
    if (this.#isStopped) return;
    const nowMs = this.#clock.monotonicMs();
    while (!this.#isHeld && this.#queue.length > 0 && this.#queue[0].dueAtMs <= nowMs) {
      if (!this.#to.writable || this.#to.writableNeedDrain) break;
      const [{ chunk }] = this.#queue.splice(0, 1);
      this.#queuedBytes -= chunk.length;
      this.#to.write(chunk);
    }
    if (this.#isHeld || this.#queuedBytes > QUEUE_BYTES_MAX) this.#from.pause();
    else this.#from.resume();
    if (this.#timer !== null || this.#isHeld || this.#queue.length === 0 || this.#to.writableNeedDrain)
      return;
    this.#timer = this.#clock.after(Math.max(1, this.#queue[0].dueAtMs - nowMs), () => {
      this.#timer = null;
      this.#settle();
    });
  }
}
