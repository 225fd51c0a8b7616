import { chmodSync } from "node:fs";
import { Client } from "pg";
import { PostgresServer } from "../../scripts/stack/postgres-server.ts";
import { StackUnavailable } from "../../scripts/stack/stack-unavailable.ts";
import type { Works } from "./works.ts";

const DATABASE = "shop";

/** A real PostgreSQL for one test, with a database of its own. */
export class PostgresWorks {
  readonly server: PostgresServer;
  readonly url: string;
  readonly #works: Works;

  private constructor(server: PostgresServer, works: Works) {
    this.server = server;
    this.url = server.url(DATABASE);
    this.#works = works;
  }

  /** Undefined where PostgreSQL cannot be had. */
  static async start(works: Works, settings: readonly string[] = []): Promise<PostgresWorks | undefined> {
    try {
      // Its own user must reach its folder.
      chmodSync(works.folder, 0o711);
      const port = await works.freePort();
      const server = new PostgresServer({ dataFolder: works.path("postgres"), port, settings });
      works.atEnd(() => server.kill());
      await server.start();
      const made = new PostgresWorks(server, works);
      const client = await made.client("postgres");
      await client.query(`CREATE DATABASE ${DATABASE}`);
      return made;
    } catch (error) {
      if (error instanceof StackUnavailable) return undefined;
      throw error;
    }
  }

  /** Connected; closed at the test's end. */
  async client(database = DATABASE): Promise<Client> {
    const client = new Client({ connectionString: this.server.url(database) });
    client.on("error", () => undefined);
    await client.connect();
    this.#works.atEnd(() => client.end());
    return client;
  }
}
