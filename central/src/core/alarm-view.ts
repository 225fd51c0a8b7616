import type { AlarmEvent } from "@millrace/wire";

/** An alarm's latest step as central shows it. */
export type AlarmView = AlarmEvent & {
  readonly agent: string;
  readonly site: string;
  /** Central's clock at its arrival, ms. */
  readonly receivedAtMs: number;
};
