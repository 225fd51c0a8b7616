/** How far a run is with what it makes. */
export interface RunProgress {
  readonly makes: "readings" | "records";
  readonly generated: number;
  /** Null: nothing is sent. */
  readonly acked: number | null;
  /** As the plan wanted it. */
  readonly lost: number;
  readonly waiting: number;
  /** Made, and held back by the plan. */
  readonly onTheWay: number;
  /** Event time still to go through; null: it has no end. */
  readonly remainingMs: number | null;
  /** How far it is behind the event time that is due; 0 where it goes as fast as it can. */
  readonly lagMs: number;
  /** Null: there is one receiver, which says itself that it is away. */
  readonly connected: { readonly count: number; readonly of: number } | null;
}
