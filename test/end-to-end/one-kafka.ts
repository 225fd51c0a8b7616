import { join } from "node:path";
import { type GuardedListener, KafkaServer } from "../../scripts/stack/kafka-server.ts";
import { StackUnavailable } from "../../scripts/stack/stack-unavailable.ts";
import type { Works } from "./works.ts";

/** A real broker for one test. Undefined where Java or the jars cannot be had. */
export async function startOneKafka(
  works: Works,
  guarded?: GuardedListener,
): Promise<KafkaServer | undefined> {
  try {
    const server = new KafkaServer({
      ...(guarded === undefined ? {} : { guarded }),
      cacheFolder: join(import.meta.dirname, "../../.cache/stack"),
      dataFolder: works.path("kafka"),
      port: await works.freePort(),
      controllerPort: await works.freePort(),
    });
    works.atEnd(() => server.kill());
    await server.start();
    return server;
  } catch (error) {
    if (error instanceof StackUnavailable) return undefined;
    throw error;
  }
}
