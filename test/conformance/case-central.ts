import type { WindowResult } from "@millrace/stream";
import type { Delivery } from "./site-agent.ts";

/** What the cases ask of central: the world's time goes on in steps, and each step ends with a tick. */
export interface CaseCentral {
  /** What central's clock says at this time of the world. */
  nowMs(worldMs: number): number;
  /** Agents that have joined or been retired by now. */
  enrol(worldMs: number): Promise<void>;
  take(agent: string, delivery: Delivery, worldMs: number): Promise<void>;
  /** What is published now. */
  tick(worldMs: number): Promise<readonly WindowResult[]>;
  /** What a query is told of all windows, at the end. */
  asked(): Promise<readonly WindowResult[]>;
  /** What has become of readings at central, by fate. */
  readonly fates: Readonly<Record<string, number>>;
}
