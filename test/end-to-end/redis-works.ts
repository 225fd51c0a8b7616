import { Redis } from "ioredis";
import { RedisServer } from "../../scripts/stack/redis-server.ts";
import { StackUnavailable } from "../../scripts/stack/stack-unavailable.ts";
import type { Works } from "./works.ts";

/** A real Redis for one test, and a look into it. */
export class RedisWorks {
  readonly server: RedisServer;
  readonly port: number;
  readonly url: string;
  readonly #works: Works;

  private constructor(server: RedisServer, port: number, works: Works) {
    this.server = server;
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#works = works;
  }

  /** Undefined where Redis cannot be had. */
  static async start(
    works: Works,
    options: { readonly isPersistent?: boolean; readonly settings?: readonly string[] } = {},
  ): Promise<RedisWorks | undefined> {
    const port = await works.freePort();
    const { isPersistent = false, settings = [] } = options;
    try {
      const server = new RedisServer({ dataFolder: works.path("redis"), port, isPersistent, settings });
      works.atEnd(() => server.kill());
      await server.start();
      return new RedisWorks(server, port, works);
    } catch (error) {
      if (error instanceof StackUnavailable) return undefined;
      throw error;
    }
  }

  /** Connected; closed at the test's end. */
  client(options: { readonly username?: string; readonly password?: string } = {}): Redis {
    const redis = new Redis({ port: this.port, ...options });
    redis.on("error", () => undefined);
    this.#works.atEnd(() => redis.disconnect());
    return redis;
  }
}
