// A broker input on a free port and clients of it, all closed after each test.
import { connect as connectSocket, type Socket } from "node:net";
import { MemoryLogger, systemClock } from "@millrace/runtime";
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { afterEach } from "vitest";
import { BrokerInput } from "./broker-input.ts";
import type { BrokerInputOptions } from "./broker-input-options.ts";
import type { Arrival, InputHandler } from "../input.ts";

export const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export async function brokerWith(
  handler: InputHandler,
  options: Partial<BrokerInputOptions> = {},
): Promise<BrokerInput> {
  const input = new BrokerInput({
    name: "sensors",
    host: "127.0.0.1",
    port: 0,
    users: [],
    tls: null,
    clientsMax: 10,
    payloadBytesMax: 1000,
    commandFilters: [],
    clock: systemClock,
    log: new MemoryLogger(),
    ...options,
  });
  await input.start(handler);
  cleanups.push(() => input.stop());
  return input;
}

export async function sensor(input: BrokerInput, options: Partial<IClientOptions> = {}): Promise<MqttClient> {
  const client = await connectAsync({
    protocol: "mqtt",
    host: "127.0.0.1",
    port: input.port,
    reconnectPeriod: 0,
    ...options,
  });
  client.on("error", () => {});
  cleanups.push(() => client.endAsync(true));
  return client;
}

/** A handler whose messages stay undecided until the test says so. */
export function holdingHandler(): {
  handler: InputHandler;
  held: { arrival: Arrival; resolve: () => void; reject: (error: Error) => void }[];
} {
  const held: { arrival: Arrival; resolve: () => void; reject: (error: Error) => void }[] = [];
  return {
    held,
    handler: (arrival) => new Promise((resolve, reject) => held.push({ arrival, resolve, reject })),
  };
}

/** A connection without a client on it: it says what it is told to. */
export function rawSocket(input: BrokerInput): Socket {
  const socket = connectSocket(input.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  cleanups.push(async () => socket.destroy());
  return socket;
}
