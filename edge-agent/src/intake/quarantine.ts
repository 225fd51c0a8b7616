import type { Change, Store } from "@millrace/queue";
import {
  numberKey,
  numberOfKey,
  PREFIX,
  parseJson,
  prefixRange,
  putJson,
} from "../durability/agent-store.ts";
import type { RejectionReason } from "../ledger.ts";

/** A payload, or a reading of it, that was set aside. */
export interface QuarantinedPayload {
  readonly atMs: number;
  readonly topic: string;
  readonly client: string;
  readonly reason: RejectionReason;
  readonly detail: string;
  /** The payload's first bytes, base64. */
  readonly head: string;
  /** Length of the whole payload. */
  readonly bytes: number;
}

const HEAD_BYTES = 256;
/** Kept at most; the oldest goes first. What was rejected stays counted in the ledger. */
const KEPT_MAX = 1_000;
/** Set aside per commit at most: a flood of junk must not become a flood of writes. */
const PER_COMMIT_MAX = 100;

/** The bounded drawer of what could not be used, so that a person can look at it. */
export class Quarantine {
  #next = 1;
  #oldest = 1;
  #waiting: QuarantinedPayload[] = [];
  #recent: QuarantinedPayload[] = [];

  static async open(store: Store): Promise<Quarantine> {
    const quarantine = new Quarantine();
    let isFirst = true;
    for await (const { key } of store.range(prefixRange(PREFIX.quarantine))) {
      const number = numberOfKey(key);
      if (isFirst) quarantine.#oldest = number;
      isFirst = false;
      quarantine.#next = number + 1;
    }
    if (isFirst) quarantine.#oldest = quarantine.#next;
    return quarantine;
  }

  add(entry: Omit<QuarantinedPayload, "head" | "bytes">, payload: Uint8Array): void {
    if (this.#waiting.length >= PER_COMMIT_MAX) return;
    const head = Buffer.from(payload.subarray(0, HEAD_BYTES)).toString("base64");
    const quarantined = { ...entry, head, bytes: payload.length };
    this.#waiting.push(quarantined);
    this.#recent.push(quarantined);
    if (this.#recent.length > 20) this.#recent.shift();
  }

  /** Kept, those that wait for the next commit too. */
  get count(): number {
    return Math.min(KEPT_MAX, this.#next - this.#oldest + this.#waiting.length);
  }

  /** The latest since the start, newest last, for the status. */
  recent(): readonly QuarantinedPayload[] {
    return this.#recent;
  }

  /** Everything kept, oldest first; damaged records are left out. */
  static async *read(store: Store): AsyncIterable<QuarantinedPayload> {
    for await (const { value } of store.range(prefixRange(PREFIX.quarantine))) {
      const payload = parseJson(value);
      if (isQuarantined(payload)) yield payload;
    }
  }

  /** Adds what waits to a commit, and drops the oldest beyond the bound. */
  drainInto(changes: Change[]): void {
    for (const entry of this.#waiting) {
      changes.push(putJson(numberKey(PREFIX.quarantine, this.#next), entry));
      this.#next += 1;
    }
    this.#waiting = [];
    for (; this.#next - this.#oldest > KEPT_MAX; this.#oldest += 1) {
      changes.push({ type: "del", key: numberKey(PREFIX.quarantine, this.#oldest) });
    }
  }
}

function isQuarantined(value: unknown): value is QuarantinedPayload {
  if (typeof value !== "object" || value === null) return false;
  const typeOf = (name: string) => typeof Object.getOwnPropertyDescriptor(value, name)?.value;
  const areTexts = ["topic", "client", "reason", "detail", "head"].every((name) => typeOf(name) === "string");
  return areTexts && typeOf("atMs") === "number" && typeOf("bytes") === "number";
}
