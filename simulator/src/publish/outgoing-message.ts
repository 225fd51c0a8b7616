import type { TruthReading } from "../truth/truth-line.ts";

/** What an output carries: a machine's readings, its state, or a record of another kind. */
export interface OutgoingMessage {
  /** Of the readings in it, by their place in the truth; empty for what is none, and for a second copy. */
  readonly numbers: readonly number[];
  readonly topic: string;
  readonly payload: string | Uint8Array;
  /** Of Sparkplug B: what it says depends on the births before it, so the output encodes it. Null: the payload stands. */
  readonly readings: readonly TruthReading[] | null;
}
