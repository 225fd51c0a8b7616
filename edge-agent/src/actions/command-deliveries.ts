import type { CommandResult } from "./command-publisher.ts";

/** What one broker has taken of the commands since the start, repetitions counted. */
export interface CommandDelivery {
  readonly input: string;
  readonly taken: number;
  readonly missed: number;
  /** The last one that it did not take, where it has not taken one since. */
  readonly failing: { readonly atMs: number; readonly topic: string; readonly reason: string } | null;
}

/** Which brokers have the commands: a machine hears on one of them only. */
export class CommandDeliveries {
  readonly #byInput = new Map<string, CommandDelivery>();

  add(
    { input, reason }: CommandResult,
    { topic, atMs }: { readonly topic: string; readonly atMs: number },
  ): void {
    const { taken, missed } = this.#byInput.get(input) ?? { taken: 0, missed: 0 };
    this.#byInput.set(input, {
      input,
      taken: taken + (reason === null ? 1 : 0),
      missed: missed + (reason === null ? 0 : 1),
      failing: reason === null ? null : { atMs, topic, reason },
    });
  }

  list(): readonly CommandDelivery[] {
    return [...this.#byInput.values()];
  }
}
