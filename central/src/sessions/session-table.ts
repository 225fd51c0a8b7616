import type { AgentConnection, Hello } from "@millrace/wire";
import { Session } from "./session.ts";

/** A holder of a store counts as alive for so long after its last message. */
export const HOLDER_ALIVE_MS = 3_000;

/** The connections of this moment. */
export class SessionTable {
  readonly #sessions = new Map<string, Session>();
  readonly #byAgent = new Map<string, Set<Session>>();

  add(connection: AgentConnection, monotonicMs: number): Session {
    const session = new Session(connection, monotonicMs);
    this.#sessions.set(connection.id, session);
    const ofAgent = this.#byAgent.get(session.agent) ?? new Set();
    this.#byAgent.set(session.agent, ofAgent.add(session));
    return session;
  }

  get(connection: AgentConnection): Session | undefined {
    return this.#sessions.get(connection.id);
  }

  delete(connection: AgentConnection): Session | undefined {
    const session = this.#sessions.get(connection.id);
    this.#sessions.delete(connection.id);
    const ofAgent = this.#byAgent.get(connection.agent);
    if (session !== undefined) ofAgent?.delete(session);
    if (ofAgent?.size === 0) this.#byAgent.delete(connection.agent);
    return session;
  }

  all(): Session[] {
    return [...this.#sessions.values()];
  }

  byId(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  isConnected(agent: string): boolean {
    return [...this.#of(agent)].some(({ state }) => state === "open");
  }

  /** Sessions of the agent's store that are open. */
  open(agent: string, storeId: string): Session[] {
    return [...this.#of(agent)].filter((each) => each.state === "open" && each.storeId === storeId);
  }

  /** Sessions of the same store, or of the same agent with another store. */
  holders(agent: string, hello: Hello, except: Session): Session[] {
    return this.all().filter(
      (session) =>
        session !== except &&
        (session.state === "open" || session.state === "greeting") &&
        (session.storeId === hello.storeId || session.agent === agent),
    );
  }

  #of(agent: string): ReadonlySet<Session> {
    return this.#byAgent.get(agent) ?? NONE;
  }
}

const NONE: ReadonlySet<Session> = new Set();
