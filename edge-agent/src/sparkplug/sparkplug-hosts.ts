import type { Logger } from "@millrace/runtime";
import type { Input } from "../inputs/input.ts";
import type { SparkplugPresence } from "../inputs/sparkplug-presence.ts";
import type { SparkplugLink } from "./sparkplug-desk.ts";

/** The host application on each broker that it is on: an edge node hears on the one that it is connected to. */
export class SparkplugHosts implements SparkplugLink {
  readonly #log: Logger;
  /** By the name of the input. */
  readonly #hosts = new Map<string, { readonly input: Input; readonly presence: SparkplugPresence }>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Takes the place of one of the same name. */
  set(input: Input, presence: SparkplugPresence): void {
    this.#hosts.set(input.name, { input, presence });
  }

  command(topic: string, payload: Uint8Array): void {
    for (const { input } of this.#hosts.values())
      input
        .publish(topic, payload, { qos: 0 })
        .catch((error: unknown) => this.#log.repeated("command", "cannot ask for births", { topic, error }));
  }

  sayOnline(contradictedAtMs: number): void {
    for (const { input, presence } of this.#hosts.values()) {
      presence.contradicted(contradictedAtMs);
      input
        .publish(presence.topic, presence.online, { qos: 1, retain: true })
        .catch((error: unknown) => this.#log.repeated("state", "cannot say that it is online", { error }));
    }
  }
}
