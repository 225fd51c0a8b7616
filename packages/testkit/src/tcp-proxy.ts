import { connect, createServer, type Server, type Socket } from "node:net";

/** open: forwards; cut: refuses and has closed what was open; hung: connections stay, nothing gets through (half-open). */
export type ProxyMode = "open" | "cut" | "hung";

/** A real TCP link that a test can cut, hang and slow down. */
export class TcpProxy {
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #mode: ProxyMode = "open";
  #delayMs = 0;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async start(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    proxy.#server.once("error", reject);
    proxy.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("the proxy has no port");
    return address.port;
  }

  /** Added to every chunk, each way. */
  setDelay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  setMode(mode: ProxyMode): void {
    this.#mode = mode;
    if (mode === "cut") this.#closeAll();
    for (const pair of this.#pairs) {
      for (const socket of pair) {
        if (mode === "hung") socket.pause();
        else socket.resume();
      }
    }
  }

  async stop(): Promise<void> {
    this.#closeAll();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }

  #closeAll(): void {
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    this.#pairs.clear();
  }

  #accept(near: Socket): void {
    if (this.#mode === "cut") {
      near.destroy();
      return;
    }
    const far = connect(this.#target);
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [pair, [far, near] as const]) {
      const queue = new DelayedWrites(to);
      from.on("error", end);
      from.on("close", end);
      from.on("data", (chunk: Buffer) => queue.write(chunk, this.#delayMs));
      if (this.#mode === "hung") from.pause();
    }
  }
}

/** Keeps the order of the bytes, also when the delay shrinks. */
class DelayedWrites {
  readonly #to: Socket;
  #freeAtMs = 0;

  constructor(to: Socket) {
    this.#to = to;
  }

  write(chunk: Buffer, delayMs: number): void {
    const nowMs = performance.now();
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs + delayMs);
    if (this.#freeAtMs <= nowMs) this.#to.write(chunk);
    else setTimeout(() => this.#to.writable && this.#to.write(chunk), this.#freeAtMs - nowMs);
  }
}
