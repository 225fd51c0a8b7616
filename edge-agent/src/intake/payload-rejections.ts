import type { RejectionReason } from "../ledger.ts";
import type { Rejection } from "./rejection.ts";

/** What was rejected of one payload: the first of each reason, and how many there are. */
export class PayloadRejections {
  #byReason: Map<RejectionReason, Rejection> | undefined;

  add({ reason, detail, count }: Rejection): void {
    this.#byReason ??= new Map();
    const first = this.#byReason.get(reason);
    this.#byReason.set(reason, {
      reason,
      detail: first?.detail ?? detail,
      count: (first?.count ?? 0) + count,
    });
  }

  /** One of each reason. */
  list(): readonly Rejection[] {
    return this.#byReason === undefined ? [] : [...this.#byReason.values()];
  }
}
