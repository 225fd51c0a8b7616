import type { Clock } from "@millrace/runtime";
import { type Base, TimeoutError } from "@platformatic/kafka";
import { deepestError } from "./deepest-error.ts";
import { explainKafka } from "./explain-kafka.ts";

export interface ClientFailuresOptions {
  readonly topics: readonly string[];
  /** As they are configured. */
  readonly brokers: readonly string[];
  readonly clock: Clock;
}

/** As the client library says it. */
const CLOSED = "Connection closed";
const TIMED_OUT = "Request timed out";
/** All that was under way fails in the same moment. */
const SAME_MS = 1_000;

/**
 * What clients of one purpose say of their failures. The client library ends a connection on which a request got no answer
 * in time; whatever else waits there it calls closed, as if a broker had done it.
 */
export class ClientFailures {
  readonly #options: ClientFailuresOptions;
  #silentAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ClientFailuresOptions) {
    this.#options = options;
  }

  /** From its beginning. */
  watch(client: Base): void {
    client.connections.on("connecting", ({ connection }) => {
      // Before its requests are rejected.
      connection.once("close", () => {
        const { socket } = connection;
        const isBrokers = socket.readableEnded || socket.errored !== null;
        if (!isBrokers) this.#silentAtMs = this.#options.clock.monotonicMs();
      });
    });
  }

  explain(error: unknown): string {
    const { topics, brokers, clock } = this.#options;
    const isSilent = clock.monotonicMs() - this.#silentAtMs < SAME_MS;
    const isClosed = error instanceof Error && deepestError(error).message.startsWith(CLOSED);
    return explainKafka(isSilent && isClosed ? new TimeoutError(TIMED_OUT) : error, topics, brokers);
  }
}
