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

/** Keeps the order of the bytes, also when the delay shrinks or a timer is late. */
class DelayedWrites {
  readonly #to: Socket;
  readonly #waiting: { readonly chunk: Buffer; readonly dueAtMs: number }[] = [];

  constructor(to: Socket) {
    this.#to = to;
  }

  write(chunk: Buffer, delayMs: number): void {
    const dueAtMs = performance.now() + delayMs;
    if (delayMs === 0 && this.#waiting.length === 0) this.#to.write(chunk);
    else if (this.#waiting.push({ chunk, dueAtMs }) === 1) this.#arm();
  }

  #arm(): void {
    const [first] = this.#waiting;
    if (first !== undefined) setTimeout(() => this.#flush(), Math.max(0, first.dueAtMs - performance.now()));
  }

  #flush(): void {
    const nowMs = performance.now() + 1;
    for (
      let first = this.#waiting[0];
      first !== undefined && first.dueAtMs <= nowMs;
      first = this.#waiting[0]
    ) {
      this.#waiting.shift();
      if (this.#to.writable) this.#to.write(first.chunk);
    }
    this.#arm();
  }
}
