import type { AlarmEvent } from "@millrace/wire";

/** An alarm's latest step as central shows it. */
export type AlarmView = AlarmEvent & {
  readonly agent: string;
  readonly site: string;
  /** Central's clock at its arrival, ms. */
  readonly receivedAtMs: number;
  /** At the arrival of the first step since it was last raised. Absent in what was stored before that was kept. */
  readonly firstReceivedAtMs?: number;
};
