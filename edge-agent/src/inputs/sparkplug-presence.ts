import type { Clock } from "@millrace/runtime";
import { SPARKPLUG_NAMESPACE } from "@millrace/wire";

/**
 * What a host application says of itself on one broker, retained, QoS 1 (Sparkplug 3.0, 6.4.33): `online`, and its
 * will, with the time of the connection; edge nodes that have it as their primary host wait for it.
 */
export class SparkplugPresence {
  readonly topic: string;
  readonly #clock: Clock;
  #connectedAtMs = 0;
  /** The latest that is said with this id, by whomever. */
  #saidAtMs = 0;

  constructor({ hostId, clock }: { readonly hostId: string; readonly clock: Clock }) {
    this.topic = `${SPARKPLUG_NAMESPACE}/STATE/${hostId}`;
    this.#clock = clock;
  }

  /** Before each connection. */
  begin(): void {
    this.#connectedAtMs = Math.max(this.#clock.nowMs(), this.#saidAtMs);
    this.#saidAtMs = this.#connectedAtMs;
  }

  get online(): string {
    return JSON.stringify({ online: true, timestamp: this.#saidAtMs });
  }

  /**
   * Somebody has said otherwise, as of then: an edge node takes nothing older than the last that it saw, so `online` is
   * not older from now on. The will is, until the next connection: MQTT has no way to change it. A time that no clock
   * can have meant is not followed.
   */
  contradicted(timestampMs: number): void {
    if (timestampMs <= this.#clock.nowMs() + AHEAD_MS_MAX)
      this.#saidAtMs = Math.max(this.#saidAtMs, timestampMs);
  }

  get will(): string {
    return JSON.stringify({ online: false, timestamp: this.#connectedAtMs });
  }

  /** Before an orderly end of the connection, at which a broker publishes no will. */
  get farewell(): string {
    return JSON.stringify({ online: false, timestamp: Math.max(this.#clock.nowMs(), this.#saidAtMs) });
  }
}

/** A wrong time zone, and more. */
const AHEAD_MS_MAX = 24 * 3_600_000;

/** What a message says of a host; one that is no such message says that it is not online, as of no time. */
export function readState(payload: Uint8Array): { readonly isOnline: boolean; readonly timestampMs: number } {
  try {
    const state: unknown = JSON.parse(new TextDecoder().decode(payload));
    if (typeof state !== "object" || state === null) return NO_STATE;
    const timestamp = "timestamp" in state ? state.timestamp : undefined;
    return {
      isOnline: "online" in state && state.online === true,
      timestampMs: typeof timestamp === "number" ? timestamp : 0,
    };
  } catch {
    return NO_STATE;
  }
}

const NO_STATE = { isOnline: false, timestampMs: 0 };
