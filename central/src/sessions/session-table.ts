import type { AgentConnection, Hello } from "@millrace/wire";
import { Session } from "./session.ts";

/** A holder of a store counts as alive for so long after its last message. */
export const HOLDER_ALIVE_MS = 3_000;

/** The connections of this moment. */
export class SessionTable {
  readonly #sessions = new Map<string, Session>();
  readonly #byAgent = new Map<string, Set<Session>>();
  /** Those that have said which store they are of. */
  readonly #byStore = new Map<string, Set<Session>>();

  add(connection: AgentConnection, monotonicMs: number): Session {
    const session = new Session(connection, monotonicMs);
    this.#sessions.set(connection.id, session);
    addTo(this.#byAgent, session.agent, session);
    return session;
  }

  /** Its hello is let in. */
  greets(session: Session, { storeId, instance }: Hello): void {
    session.storeId = storeId;
    session.instance = instance;
    addTo(this.#byStore, storeId, session);
  }

  get(connection: AgentConnection): Session | undefined {
    return this.#sessions.get(connection.id);
  }

  delete(connection: AgentConnection): Session | undefined {
    const session = this.#sessions.get(connection.id);
    this.#sessions.delete(connection.id);
    if (session === undefined) return undefined;
    deleteFrom(this.#byAgent, session.agent, session);
    deleteFrom(this.#byStore, session.storeId, session);
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
    const open: Session[] = [];
    for (const session of this.#of(agent))
      if (session.state === "open" && session.storeId === storeId) open.push(session);
    return open;
  }

  /** Sessions of the same store, or of the same agent with another store. */
  holders(agent: string, hello: Hello, except: Session): Session[] {
    const held = new Set([...(this.#byStore.get(hello.storeId) ?? NONE), ...this.#of(agent)]);
    return [...held].filter(
      (session) => session !== except && (session.state === "open" || session.state === "greeting"),
    );
  }

  #of(agent: string): ReadonlySet<Session> {
    return this.#byAgent.get(agent) ?? NONE;
  }
}

function addTo(sessions: Map<string, Set<Session>>, key: string, session: Session): void {
  const known = sessions.get(key);
  if (known === undefined) sessions.set(key, new Set([session]));
  else known.add(session);
}

function deleteFrom(sessions: Map<string, Set<Session>>, key: string, session: Session): void {
  const known = sessions.get(key);
  known?.delete(session);
  if (known?.size === 0) sessions.delete(key);
}

const NONE: ReadonlySet<Session> = new Set();
