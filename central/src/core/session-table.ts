import type { AgentConnection, Hello } from "@millrace/wire";
import { Session } from "./session.ts";

/** A holder of a store counts as alive for so long after its last message. */
export const HOLDER_ALIVE_MS = 3_000;

/** The connections of this moment. */
export class SessionTable {
  readonly #sessions = new Map<string, Session>();

  add(connection: AgentConnection, monotonicMs: number): Session {
    const session = new Session(connection, monotonicMs);
    this.#sessions.set(connection.id, session);
    return session;
  }

  get(connection: AgentConnection): Session | undefined {
    return this.#sessions.get(connection.id);
  }

  delete(connection: AgentConnection): Session | undefined {
    const session = this.#sessions.get(connection.id);
    this.#sessions.delete(connection.id);
    return session;
  }

  all(): Session[] {
    return [...this.#sessions.values()];
  }

  /** Open sessions of the same store, or of the same agent with another store. */
  holders(agent: string, hello: Hello, except: Session): Session[] {
    return this.all().filter(
      (session) =>
        session !== except &&
        session.state === "open" &&
        (session.storeId === hello.storeId || session.agent === agent),
    );
  }
}
