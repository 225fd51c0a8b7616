import type { Input } from "../inputs/input.ts";

/**
 * Sends commands to the machines through every input that can: a machine hears on the broker that it is connected to,
 * and the agent does not know which. Nothing is queued: a command is urgent or worthless.
 */
export class CommandPublisher {
  readonly #inputs: readonly Input[];

  constructor(inputs: readonly Input[]) {
    this.#inputs = inputs;
  }

  /** QoS 1, never retained. Resolves when one broker has it; rejects, with every reason, when none took it. */
  async publish(topic: string, payload: string): Promise<void> {
    if (this.#inputs.length === 0)
      throw new Error(`cannot send a command to ${topic}: no MQTT input is configured`);
    try {
      await Promise.any(this.#inputs.map((input) => input.publish(topic, payload, { qos: 1 })));
    } catch (error) {
      const reasons = error instanceof AggregateError ? error.errors.map(String).join("; ") : String(error);
      throw new Error(`cannot send a command to ${topic}: ${reasons}`, { cause: error });
    }
  }
}
