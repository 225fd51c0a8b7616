// A consumer that judges nothing: it writes the tenth payment of each ring to another topic. What an alarm cannot be faster than.
import { PlatformaticClient } from "@millrace/kafka";

const [address, from, to] = process.argv.slice(2);
const client = new PlatformaticClient({ brokers: [address], clientId: "relay", tls: null, sasl: null });
const consumer = client.consumer({ group: "relay", topics: [from], from: "end" });
const producer = client.producer();
process.on("SIGTERM", () => process.exit(0));
await producer.connect([to]);
const mark = Buffer.from('-9","time"');
process.send?.("reads");
for (let batch = await consumer.next(); batch !== null; batch = await consumer.next()) {
  const marked = batch.records.filter(
    ({ value }) => value !== null && Buffer.from(value.buffer, value.byteOffset, value.length).includes(mark),
  );
  if (marked.length > 0) await producer.send(marked.map(({ value }) => ({ topic: to, key: null, value })));
}
