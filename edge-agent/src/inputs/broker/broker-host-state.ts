import type { Clock } from "@millrace/runtime";
import type { PublishOptions } from "../input.ts";
import type { SparkplugPresence } from "../sparkplug-presence.ts";

export interface BrokerHostStateOptions {
  readonly isHost: boolean;
  /** What it says of itself; undefined where it never is one. */
  readonly presence: SparkplugPresence | undefined;
  readonly clock: Clock;
  /** Resolves at once while the broker does not run. */
  publish(topic: string, payload: string, options: PublishOptions): Promise<void>;
}

const FAREWELL_MS_MAX = 500;

/** Whether the agent is a Sparkplug host at its own broker, and that it says so there. */
export class BrokerHostState {
  readonly #options: BrokerHostStateOptions;
  #isHost: boolean;

  constructor(options: BrokerHostStateOptions) {
    this.#options = options;
    this.#isHost = options.isHost;
  }

  /** What this host says of itself is said by nobody else here. */
  isOwn(topic: string): boolean {
    return this.#isHost && topic === this.#options.presence?.topic;
  }

  /** The broker has begun. */
  async begin(): Promise<void> {
    if (this.#isHost) await this.#say("online");
  }

  /** The broker is to end. Edge nodes are told, unless one of them takes nothing any more. */
  async end(): Promise<void> {
    if (!this.#isHost) return;
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(FAREWELL_MS_MAX, resolve);
      void this.#say("farewell")
        .catch(() => {})
        .then(() => {
          timer.cancel();
          resolve();
        });
    });
  }

  async setHost(isHost: boolean): Promise<void> {
    const wasHost = this.#isHost;
    // From here on no client says otherwise: it would be kept instead of what is said now.
    if (isHost) this.#isHost = true;
    if (isHost !== wasHost) await (isHost ? this.begin() : this.end());
    this.#isHost = isHost;
  }

  async #say(state: "online" | "farewell"): Promise<void> {
    const { presence, publish } = this.#options;
    if (state === "online") presence?.begin();
    if (presence !== undefined) await publish(presence.topic, presence[state], { qos: 1, retain: true });
  }
}
