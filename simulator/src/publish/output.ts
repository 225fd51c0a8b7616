import type { OutgoingMessage } from "./outgoing-message.ts";

/**
 * One way out of the plant. A message stays here, unchanged, until the receiver has it; while the receiver is away it
 * waits. Memory is bounded by the caller, who counts what is not delivered before handing over more.
 */
export interface Output {
  readonly isConnected: boolean;
  /** Connections lost and made again. */
  readonly reconnectCount: number;
  open(): void;
  send(message: OutgoingMessage): void;
  /** As if the cable were pulled: gone until there was a `resume` for each `hold`. */
  hold(): void;
  resume(): void;
  readonly isHeld: boolean;
  /** Readings not yet delivered. */
  waitingNumbers(): Iterable<number>;
  /** What is not delivered stays listed in `waitingNumbers`. */
  close(): Promise<void>;
}
