import { join } from "node:path";
import { KafkaServer } from "../../scripts/stack/kafka-server.ts";
import { freePort } from "./free-port.ts";

const FIRST_PORT = 21_000 + (process.pid % 900) * 10;

/** A real Kafka. Throws `StackUnavailable` where Java or its jars cannot be had. */
export async function startBenchKafka(folder: string): Promise<KafkaServer> {
  const port = await freePort("Kafka", FIRST_PORT);
  const server = new KafkaServer({
    cacheFolder: join(import.meta.dirname, "../../.cache/stack"),
    dataFolder: folder,
    port,
    controllerPort: await freePort("Kafka", port + 1),
  });
  await server.start();
  return server;
}
