/** Central's store has lost some of what was committed, and nothing tells what. Its ledger goes on counting it. */
export interface StoreDamage {
  readonly firstAtMs: number;
  /** Of the latest: the windows that begin before this may lack readings. */
  readonly lastAtMs: number;
}
