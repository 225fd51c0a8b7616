import type { Clock } from "@millrace/runtime";
import type { KeptSession, QoS } from "../inputs/broker/broker-sessions.ts";
import { parseJson } from "./agent-store.ts";

/** A persistent session as it is stored. */
export interface SessionRecord {
  /** Its client. */
  readonly id: string;
  readonly subscriptions: ReadonlyMap<string, QoS>;
  /** On the wall clock; null: its client was connected. */
  readonly awaySinceMs: number | null;
}

export function encodeSession({ id, subscriptions, awaySinceMs }: KeptSession, clock: Clock): Uint8Array {
  const awayMs = awaySinceMs === null ? null : clock.monotonicMs() - awaySinceMs;
  const record = {
    client: id,
    subscriptions: [...subscriptions],
    awaySinceMs: awayMs === null ? null : clock.nowMs() - awayMs,
  };
  return Buffer.from(JSON.stringify(record));
}

/** Undefined where the bytes are damaged. */
export function parseSession(value: Uint8Array): SessionRecord | undefined {
  const record = parseJson(value);
  if (typeof record !== "object" || record === null) return undefined;
  if (!("client" in record && "subscriptions" in record && "awaySinceMs" in record)) return undefined;
  const { client, subscriptions, awaySinceMs } = record;
  if (typeof client !== "string" || !Array.isArray(subscriptions) || !subscriptions.every(isSubscription))
    return undefined;
  return {
    id: client,
    subscriptions: new Map(subscriptions),
    awaySinceMs: typeof awaySinceMs === "number" ? awaySinceMs : null,
  };
}

function isSubscription(value: unknown): value is [string, QoS] {
  if (!Array.isArray(value)) return false;
  const [filter, qos]: unknown[] = value;
  return typeof filter === "string" && (qos === 0 || qos === 1 || qos === 2);
}
