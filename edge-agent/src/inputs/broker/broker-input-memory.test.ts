// What clients send is in memory while it comes in, waits for the disk, or is on its way to subscribers: there is an end to it,
// clients wait for one another, and nothing is lost by it. Real sockets.
import { SimulatedTime } from "@millrace/testkit";
import { expect, test, vi } from "vitest";
import { brokerWith, holdingHandler, rawSocket, sensor } from "./broker-input.test-support.ts";

const hello = Buffer.from([0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, 1, 0x6c]);
const MEGABYTE = 2 ** 20;

/** CONNECT of a client of that number, without keep-alive time. */
function helloOf(number: number): Buffer {
  const bytes = Buffer.from(hello);
  bytes[14] = 0x30 + number;
  return bytes;
}

/** PUBLISH to t with QoS 0 of about two million bytes. */
function greatPublish(): Buffer {
  const body = Buffer.alloc(2_000_000, 0x31);
  body.set([0, 1, 0x74]);
  return Buffer.concat([Buffer.from([0x30, 0x80, 0x89, 0x7a]), body]);
}

test("a client of whom a megabyte waits for the disk is not read on until some of it is durable", async () => {
  const { handler, held } = holdingHandler();
  const input = await brokerWith(handler);
  const client = await sensor(input);
  let acknowledgedCount = 0;
  const sentCount = 30;
  for (let number = 0; number < sentCount; number += 1)
    client.publish("t", Buffer.alloc(300_000), { qos: 1, retain: true }, () => (acknowledgedCount += 1));
  await vi.waitFor(() => expect(input.status().counts["bytes_in_hand"]).toBeGreaterThan(MEGABYTE));
  for (let next = 0; next < sentCount;) {
    const another = await sensor(input);
    await another.endAsync();
    expect(input.status().counts["bytes_in_hand"]).toBeLessThan(2 * MEGABYTE);
    for (; next < held.length; next += 1) held[next].resolve();
    await vi.waitFor(() => expect(held.length > next || acknowledgedCount === sentCount).toBe(true));
  }
  await vi.waitFor(() => expect(acknowledgedCount).toBe(sentCount));
  expect(input.status().counts["bytes_in_hand"]).toBe(0);
});

test("QoS 2 messages that are never released hold nothing but their numbers", async () => {
  const input = await brokerWith(() => {});
  const socket = rawSocket(input);
  socket.write(hello);
  let receivedBytes = 0;
  socket.on("data", (chunk: Buffer) => (receivedBytes += chunk.length));
  const body = Buffer.alloc(100_000);
  body.set([0, 1, 0x74]);
  for (let id = 1; id <= 100; id += 1) {
    body.writeUInt16BE(id, 3);
    socket.write(Buffer.concat([Buffer.from([0x34, 0xa0, 0x8d, 0x06]), body]));
  }
  // CONNACK, and 100 times PUBREC.
  await vi.waitFor(() => expect(receivedBytes).toBe(404));
  expect(input.status().counts).toMatchObject({ messages: 100, bytes_in_hand: 0, sessions: 1 });
  socket.destroy();
  await vi.waitFor(() => expect(input.status().counts).toMatchObject({ clients: 0, sessions: 0 }));
});

test("packets of two megabytes of many clients come in one after the other where all at once are too much", async () => {
  const input = await brokerWith(() => {}, { clientsMax: 100 });
  const begun = greatPublish().subarray(0, 1_000);
  const slow = Array.from({ length: 33 }, (_, number) => {
    const socket = rawSocket(input);
    socket.write(helloOf(number));
    return socket;
  });
  await vi.waitFor(() => expect(input.status().counts["clients"]).toBe(33));
  for (const socket of slow) socket.write(begun);
  await vi.waitFor(() => expect(input.status().counts["bytes_in_hand"]).toBeGreaterThan(66_000_000));
  const next = rawSocket(input);
  next.write(helloOf(33));
  next.write(greatPublish());
  const other = await sensor(input);
  for (let round = 0; round < 20; round += 1) await other.publishAsync("t", "1", { qos: 1 });
  expect(input.status().counts).toMatchObject({ messages: 20, oversized: 0 });
  expect(input.status().counts["bytes_in_hand"]).toBeLessThan(64 * MEGABYTE);
  slow[0].destroy();
  await vi.waitFor(() => expect(input.status().counts).toMatchObject({ messages: 21, oversized: 1 }));
});

test("who takes minutes for a packet of two megabytes makes room for others", async () => {
  const time = new SimulatedTime(0);
  const input = await brokerWith(() => {}, { clock: time.clock() });
  const socket = rawSocket(input);
  socket.write(hello);
  await vi.waitFor(() => expect(input.status().counts["clients"]).toBe(1));
  socket.write(greatPublish().subarray(0, 1_000));
  await vi.waitFor(() => expect(input.status().counts["bytes_in_hand"]).toBeGreaterThan(0));
  await time.run(150_000);
  expect(socket.closed).toBe(false);
  await time.run(10_000);
  await vi.waitFor(() => expect(socket.closed).toBe(true));
  expect(input.status().counts["bytes_in_hand"]).toBe(0);
});

test("great messages that nobody subscribes to come in one after the other, however many wait to be read", async () => {
  const input = await brokerWith(() => {});
  const client = await sensor(input);
  const published = Array.from({ length: 200 }, () => client.publishAsync("t", Buffer.alloc(60_000)));
  await Promise.all(published);
  await client.publishAsync("t", "last", { qos: 1 });
  expect(input.status().counts).toMatchObject({ messages: 201, client_errors: 0 });
});
