/**
 * Agent's side of the uplink. Messages may be lost, doubled and reordered; the protocol bears it.
 * One connection at a time: `connect` again only after `closed`.
 */
export interface UplinkTransport {
  connect(handlers: UplinkHandlers): void;
  /** Handed over and not yet taken by the operating system. */
  readonly bufferedBytes: number;
  /** Best effort. False when not connected, or when more than the transport's bound waits to be written. */
  send(topic: UpTopic, payload: Uint8Array): boolean;
  close(): void;
}

export interface UplinkHandlers {
  opened(): void;
  message(topic: DownTopic, payload: Uint8Array): void;
  closed(reason: string): void;
}

/** Central's side: one per connection. */
export interface AgentConnection {
  /** Unique per connection. */
  readonly id: string;
  /** The authenticated identity. */
  readonly agent: string;
  send(topic: DownTopic, payload: Uint8Array): void;
  close(reason: string): void;
}

export type UpTopic = "hello" | "batch" | "heartbeat";
export type DownTopic = "welcome" | "ack" | "echo";
