import { type Logger, reasonOf } from "@millrace/runtime";
import type { Correlation, Input } from "../inputs/input.ts";

/** What goes with a command, beside its topic and payload. */
export interface CommandManner {
  /** A device must not obey it later, and is not to have it later. */
  readonly validUntilMs?: number;
  readonly correlation?: Correlation;
  /** What became of it at each broker, as that is known. */
  readonly told?: (result: CommandResult) => void;
}

/** Whether one broker has a command. */
export interface CommandResult {
  /** The input that is, or has, the connection to the broker. */
  readonly input: string;
  /** Why it has not; null: it has. */
  readonly reason: string | null;
}

/**
 * Sends commands to the machines through every input that can: a machine hears on the broker that it is connected to,
 * and the agent does not know which. The agent queues nothing: a command is urgent or worthless.
 */
export class CommandPublisher {
  readonly #inputs: readonly Input[];
  readonly #log: Logger;

  constructor(inputs: readonly Input[], log: Logger) {
    this.#inputs = inputs;
    this.#log = log;
  }

  /**
   * QoS 1, never retained. Resolves when every broker that must take commands has it, or, where none must, any one; the log names
   * those others that do not take it. Rejects, with the reasons, when it cannot come to that.
   */
  async publish(
    topic: string,
    payload: string,
    { validUntilMs, correlation, told = () => undefined }: CommandManner = {},
  ): Promise<void> {
    if (this.#inputs.length === 0)
      throw new Error(`cannot send a command to ${topic}: no MQTT input is configured`);
    const all = this.#inputs.map((input) => {
      const sent = input.publish(topic, payload, { qos: 1, validUntilMs, correlation });
      sent.then(
        () => told({ input: input.name, reason: null }),
        (error: unknown) => told({ input: input.name, reason: reasonOf(error) }),
      );
      return { input, sent };
    });
    const required = all.filter(({ input }) => input.mustTakeCommands === true);
    try {
      if (required.length > 0) await Promise.all(required.map(({ sent }) => sent));
      else await Promise.any(all.map(({ sent }) => sent));
    } catch (error) {
      const reasons = error instanceof AggregateError ? error.errors : [error];
      throw new Error(`cannot send a command to ${topic}: ${reasons.map(String).join("; ")}`, {
        cause: error,
      });
    }
    for (const { input, sent } of all)
      sent.catch((error: unknown) => this.#tellMissed(input.name, topic, error));
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
