import type { Change, Store } from "@millrace/queue";
import {
  numberKey,
  numberOfKey,
  PREFIX,
  parseJson,
  prefixRange,
  putJson,
} from "../durability/agent-store.ts";
import type { Junk } from "../inputs/junk.ts";
import type { RejectionReason } from "../ledger.ts";

/** A payload, or a reading of it, or what was none, that was set aside. */
export interface QuarantinedPayload {
  readonly atMs: number;
  readonly topic: string;
  readonly client: string;
  readonly reason: RejectionReason | Junk["reason"];
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

/** Of what is no payload: who only connects must not push out everything else. */
const JUNK_PER_SECOND_MAX = 2;

/** The bounded drawer of what could not be used, so that a person can look at it. */
export class Quarantine {
  #next = 1;
  #oldest = 1;
  #waiting: QuarantinedPayload[] = [];
  #recent: QuarantinedPayload[] = [];
  readonly #junk = { sinceMs: Number.NEGATIVE_INFINITY, count: 0 };

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
    this.#add({ ...entry, head: headOf(payload), bytes: payload.length });
  }

  /** False, and nothing has happened, where enough of it was kept in this second. */
  addJunk({ head, ...junk }: Junk, { atMs, monotonicMs }: { atMs: number; monotonicMs: number }): boolean {
    if (monotonicMs - this.#junk.sinceMs >= 1_000)
      Object.assign(this.#junk, { sinceMs: monotonicMs, count: 0 });
    if (this.#junk.count >= JUNK_PER_SECOND_MAX || this.#waiting.length >= PER_COMMIT_MAX) return false;
    this.#junk.count += 1;
    this.#add({ atMs, ...junk, head: headOf(head) });
    return true;
  }

  #add(quarantined: QuarantinedPayload): void {
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

function headOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString("base64");
}

function isQuarantined(value: unknown): value is QuarantinedPayload {
  if (typeof value !== "object" || value === null) return false;
  const typeOf = (name: string) => typeof Object.getOwnPropertyDescriptor(value, name)?.value;
  const areTexts = ["topic", "client", "reason", "detail", "head"].every((name) => typeOf(name) === "string");
  return areTexts && typeOf("atMs") === "number" && typeOf("bytes") === "number";
}
