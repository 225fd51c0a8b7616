// A member of a group that reads all, commits half, and never ends: to be killed.
import { kafkajsClient, PlatformaticClient } from "@millrace/kafka";
import * as kafkajs from "kafkajs";

const [, , adapter, broker, topic, group, count] = process.argv;
const connection = { brokers: [broker], clientId: "doomed", tls: null, sasl: null };
const client =
  adapter === "kafkajs" ? kafkajsClient(kafkajs, connection) : new PlatformaticClient(connection);
const consumer = client.consumer({ group, topics: [topic], from: "start", sessionMs: 1_000 });
let read = 0;
while (read < Number(count)) {
  const batch = await consumer.next();
  if (batch === null) break;
  read += batch.records.length;
}
await consumer.commit([{ topic, partition: 0, offset: Number(count) / 2 }]);
process.stdout.write("read\n");
setInterval(() => undefined, 1_000);
