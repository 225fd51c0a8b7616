export * from "./free-port.ts";
export * from "./mqtt-packet.ts";
export * from "./seeded-random.ts";
export * from "./simulated-link.ts";
export * from "./simulated-time.ts";
export * from "./tcp-proxy.ts";
export * from "./test-certificates.ts";
export * from "./test-frontier.ts";
