import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** A TCP link that counts what goes over it, both ways. */
export class CountingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  bytes = 0;

  static async start(target: number): Promise<CountingProxy> {
    const proxy = new CountingProxy(target);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    proxy.#server.once("error", reject);
    proxy.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return proxy;
  }

  private constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect({ host: "127.0.0.1", port: target });
      for (const [from, to] of [
        [near, far],
        [far, near],
      ]) {
        this.#sockets.add(from);
        from.on("data", (chunk: Buffer) => {
          this.bytes += chunk.length;
          to.write(chunk);
        });
        from.on("error", () => to.destroy());
        from.on("close", () => to.destroy());
      }
    });
  }

  get port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("invariant: the proxy listens");
    return address.port;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
