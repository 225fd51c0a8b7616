import type { Logger } from "@millrace/runtime";
import type { CentralState } from "./central-state.ts";

/** Some of what was committed is gone from the store, and nothing tells what. */
export interface StoreLoss {
  /** For people: what became of the store. */
  readonly detail: string;
  /** Called once it is durable that central tells of it. */
  booked(): void;
}

/** Marks windows and raises the alarm; that is durable with the next commit. */
export function noteStoreLoss(
  { detail }: StoreLoss,
  { state, nowMs, log }: { readonly state: CentralState; readonly nowMs: number; readonly log: Logger },
): void {
  state.damaged(nowMs);
  const message = `central's store was damaged: ${detail}`;
  log.error(message);
  state.alarms.raise({ agent: "", site: "", kind: "store_damaged", message, value: 0, nowMs });
}
