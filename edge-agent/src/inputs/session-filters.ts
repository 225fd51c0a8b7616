/**
 * Which filters a broker's kept session of this agent may hold. The broker tells nobody, and what a former configuration
 * has subscribed to would go on arriving for ever.
 */
export interface SessionFilters {
  /** Of the session by this name; none where it was never heard of. */
  read(session: string): Promise<readonly string[]>;
  /** Resolves when they are durable. */
  save(session: string, filters: readonly string[]): Promise<void>;
}
