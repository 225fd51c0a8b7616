// Reads a topic's records and only counts them; tells when it has so many.
import { PlatformaticClient } from "@millrace/kafka";

const [address, topic, count] = process.argv.slice(2);
const connection = { brokers: [address], clientId: "counter", tls: null, sasl: null };
const consumer = new PlatformaticClient(connection).consumer({
  group: "counter",
  topics: [topic],
  from: "start",
});
let counted = 0;
for (let batch = await consumer.next(); batch !== null; batch = await consumer.next()) {
  counted += batch.records.length;
  if (counted >= Number(count)) break;
}
process.send?.(counted);
process.on("SIGTERM", () => process.exit(0));
