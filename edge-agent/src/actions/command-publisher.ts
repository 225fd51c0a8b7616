import { type Logger, reasonOf } from "@millrace/runtime";
import type { Correlation, Input } from "../inputs/input.ts";

/** What goes with a command, beside its topic and payload. */
export interface CommandManner {
  readonly correlation?: Correlation;
}

/**
 * Sends commands to the machines through every input that can: a machine hears on the broker that it is connected to,
 * and the agent does not know which. Nothing is queued: a command is urgent or worthless.
 */
export class CommandPublisher {
  readonly #inputs: readonly Input[];
  readonly #log: Logger;

  constructor(inputs: readonly Input[], log: Logger) {
    this.#inputs = inputs;
    this.#log = log;
  }

  /**
   * QoS 1, never retained. Resolves when one broker has it, and the log names those that do not take it; rejects, with
   * every reason, when none did.
   */
  async publish(topic: string, payload: string, { correlation }: CommandManner = {}): Promise<void> {
    if (this.#inputs.length === 0)
      throw new Error(`cannot send a command to ${topic}: no MQTT input is configured`);
    const sent = this.#inputs.map((input) => input.publish(topic, payload, { qos: 1, correlation }));
    try {
      await Promise.any(sent);
      for (const [index, { name }] of this.#inputs.entries())
        sent[index].catch((error: unknown) => this.#tellMissed(name, topic, error));
    } catch (error) {
      const reasons = error instanceof AggregateError ? error.errors.map(String).join("; ") : String(error);
      throw new Error(`cannot send a command to ${topic}: ${reasons}`, { cause: error });
    }
  }

  /** A machine that is connected there has not heard it: only what the rule says of a confirmation would notice. */
  #tellMissed(input: string, topic: string, error: unknown): void {
    this.#log.repeated(`command_missed:${input}`, "a broker did not take a command that another one has", {
      input,
      topic,
      reason: reasonOf(error),
    });
  }
}
