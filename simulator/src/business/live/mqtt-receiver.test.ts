// Records reach an MQTT broker in their order, each acknowledged, through connections that are lost.
import { createServer, type Socket } from "node:net";
import { silentLogger, systemClock, systemRandom } from "@millrace/runtime";
import { Aedes } from "aedes";
import { expect, onTestFinished, test } from "vitest";
import { ReceiverWatch } from "../../publish/receiver-watch.ts";
import type { BusinessRecord, RecordStreamName } from "../business-record.ts";
import { MqttReceiver } from "./mqtt-receiver.ts";

async function openBroker() {
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const received: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    aedes.handle(socket);
  });
  aedes.on("publish", ({ topic, payload }) => {
    if (!topic.startsWith("$SYS")) received.push(`${topic} ${payload.toString()}`);
    if (received.length !== 500) return;
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    aedes.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it listens on a port");
  return { received, url: `mqtt://127.0.0.1:${address.port}` };
}

function receiverOf(broker: string): MqttReceiver {
  const world = { clock: systemClock, random: systemRandom };
  const watch = new ReceiverWatch({ receiver: broker, clock: systemClock, log: silentLogger });
  return new MqttReceiver({ broker, login: null, topicOf: (stream) => `shop/${stream}`, ...world, watch });
}

function records(topic: RecordStreamName, count: number): BusinessRecord[] {
  return Array.from({ length: count }, (_, at) => {
    return { topic, id: `${at}`, timeMs: at, sentMs: at, key: "k", json: `{"id":${at}}` };
  });
}

test("a stream is a topic; what a lost connection leaves unacknowledged comes again, and is counted", async () => {
  const { received, url } = await openBroker();
  const receiver = receiverOf(url);
  expect(await receiver.open()).toBeNull();
  await receiver.send([...records("trucks", 1), { ...records("trucks", 1)[0], json: null }]);
  expect(received).toEqual(['shop/trucks {"id":0}']);
  expect(receiver.againMax).toBe(0);
  await receiver.send(records("orders", 3_000));
  const orders = received.slice(1);
  const texts = records("orders", 3_000).map(({ json }) => `shop/orders ${json}`);
  // First appearances, in their order.
  expect([...new Set(orders)]).toEqual(texts);
  expect(receiver.againMax).toBe(1_000);
  expect(orders.length - texts.length).toBeLessThanOrEqual(receiver.againMax);
  await receiver.close();
});

test("closed while nobody is there, it says that not all was delivered", async () => {
  const receiver = receiverOf("mqtt://127.0.0.1:1");
  await receiver.open();
  const sent = receiver.send(records("orders", 2));
  await receiver.close();
  await expect(sent).rejects.toThrow("it was closed");
});
