import { join } from "node:path";
import { Child } from "./child.ts";

export interface ReceiverCounts {
  readonly messageCount: number;
  readonly connectionCount: number;
}

/** An MQTT receiver in a process of its own that counts and does nothing else. */
export class CountingReceiver {
  readonly #child: Child;
  readonly port: number;

  static async start(): Promise<CountingReceiver> {
    const child = Child.ofModule(join(import.meta.dirname, "counting-receiver-process.ts"));
    return new CountingReceiver(child, await child.ask());
  }

  private constructor(child: Child, port: number) {
    this.#child = child;
    this.port = port;
  }

  get pid(): number {
    return this.#child.pid;
  }

  counts(): Promise<ReceiverCounts> {
    return this.#child.ask("counts");
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}
