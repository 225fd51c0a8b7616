import type { AlarmEvent } from "@millrace/wire";

/** An alarm's latest step as central shows it. */
export type AlarmView = AlarmEvent & {
  readonly agent: string;
  readonly site: string;
  /** Central's clock when it was taken in, ms: with its commit, after what it waited there. Rises from commit to commit. */
  readonly receivedAtMs: number;
  /** The same of the first step since it was last raised. Absent in what was stored before that was kept. */
  readonly firstReceivedAtMs?: number;
};
