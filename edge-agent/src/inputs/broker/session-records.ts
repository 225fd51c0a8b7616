import type { KeptSession, QueuedMessage } from "./broker-sessions.ts";

/** Where persistent sessions are kept beyond the process. Whatever is said here goes into the next commit. */
export interface SessionRecords {
  put(session: KeptSession, isUrgent: boolean): void;
  /** With all that waits in it. */
  delete(session: KeptSession, messages: Iterable<number>, unreleased: Iterable<number>): void;
  putMessage(session: KeptSession, message: QueuedMessage, isUrgent: boolean): void;
  deleteMessage(session: KeptSession, number: number): void;
  putUnreleased(session: KeptSession, messageId: number): void;
  deleteUnreleased(session: KeptSession, messageId: number): void;
  /** Whether the session, its messages apart, is on disk as it is. */
  isDurable(session: KeptSession): boolean;
  /** Resolves once all that was said is on disk. */
  committed(): Promise<void>;
}

/** They live and end with the process. */
export const NO_SESSION_RECORDS: SessionRecords = {
  put() {},
  delete() {},
  putMessage() {},
  deleteMessage() {},
  putUnreleased() {},
  deleteUnreleased() {},
  isDurable: () => true,
  async committed() {},
};
