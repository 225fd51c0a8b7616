import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, TEST_CERTIFICATES } from "@millrace/testkit";
import { Admin } from "@platformatic/kafka";
import { KafkaServer, type KafkaVersion } from "../../scripts/stack/kafka-server.ts";
import { StackUnavailable } from "../../scripts/stack/stack-unavailable.ts";

/** A real broker for the tests of one file. Undefined where Java or the jars cannot be had. */
export class KafkaWorks {
  readonly server: KafkaServer;
  readonly guarded: {
    readonly address: string;
    readonly username: string;
    readonly password: string;
    readonly authority: string;
  };
  readonly #folder: string;

  private constructor(server: KafkaServer, guarded: KafkaWorks["guarded"], folder: string) {
    this.server = server;
    this.guarded = guarded;
    this.#folder = folder;
  }

  static async start(version: KafkaVersion): Promise<KafkaWorks | undefined> {
    const folder = mkdtempSync(join(tmpdir(), "millrace-kafka-"));
    const { authority, serverCertificate: certificate, serverKey: key } = TEST_CERTIFICATES;
    const guarded = { port: await freePort(), username: "reader", password: "right", certificate, key };
    try {
      const server = new KafkaServer({
        cacheFolder: join(import.meta.dirname, "../../.cache/stack"),
        dataFolder: folder,
        port: await freePort(),
        controllerPort: await freePort(),
        version,
        guarded,
        settings: ["group.min.session.timeout.ms=500"],
      });
      await server.start();
      const { username, password } = guarded;
      return new KafkaWorks(
        server,
        { address: `127.0.0.1:${guarded.port}`, username, password, authority },
        folder,
      );
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      if (error instanceof StackUnavailable) return undefined;
      throw error;
    }
  }

  async deleteTopic(topic: string): Promise<void> {
    const admin = new Admin({ clientId: "test", bootstrapBrokers: [this.server.address] });
    await admin.deleteTopics({ topics: [topic] });
    await admin.close();
  }

  async end(): Promise<void> {
    await this.server.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
