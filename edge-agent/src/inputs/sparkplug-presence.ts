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

  constructor({ hostId, clock }: { readonly hostId: string; readonly clock: Clock }) {
    this.topic = `${SPARKPLUG_NAMESPACE}/STATE/${hostId}`;
    this.#clock = clock;
  }

  /** Before each connection. */
  begin(): void {
    this.#connectedAtMs = this.#clock.nowMs();
  }

  get online(): string {
    return JSON.stringify({ online: true, timestamp: this.#connectedAtMs });
  }

  get will(): string {
    return JSON.stringify({ online: false, timestamp: this.#connectedAtMs });
  }

  /** Before an orderly end of the connection, at which a broker publishes no will. */
  get farewell(): string {
    return JSON.stringify({ online: false, timestamp: Math.max(this.#clock.nowMs(), this.#connectedAtMs) });
  }
}

/** Whether it says that a host is online; what is no such message does not. */
export function isOnlineState(payload: Uint8Array): boolean {
  try {
    const state: unknown = JSON.parse(new TextDecoder().decode(payload));
    return typeof state === "object" && state !== null && "online" in state && state.online === true;
  } catch {
    return false;
  }
}
