/** What came to an input and was no payload: its first bytes, for the quarantine. Beside the ledger: no readings. */
export interface Junk {
  /** Packets of a connection that are no MQTT; a request's body over `bodyBytesMax`. */
  readonly reason: "malformed_packets" | "oversized_body";
  readonly topic: string;
  readonly client: string;
  readonly detail: string;
  readonly head: Uint8Array;
  /** Of all of it, as far as that is known. */
  readonly bytes: number;
}
