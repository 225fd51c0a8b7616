import { createServer, type Server } from "node:net";
import { Aedes } from "aedes";

/** A broker that a site already has: persistent sessions, retained messages, nobody refused. */
export class SiteBroker {
  readonly #broker: Aedes;
  readonly #server: Server;

  private constructor(broker: Aedes, server: Server) {
    this.#broker = broker;
    this.#server = server;
  }

  static async listen(port: number): Promise<SiteBroker> {
    const broker = await Aedes.createBroker();
    const server = createServer((socket) => broker.handle(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
    return new SiteBroker(broker, server);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await new Promise<void>((resolve) => this.#broker.close(() => resolve()));
    await closed;
  }
}
