import type { Change, Store } from "@millrace/queue";
import type { SessionFilters } from "../inputs/session-filters.ts";
import { parseJson, PREFIX, putJson } from "./agent-store.ts";

export interface StoredSessionFiltersOptions {
  readonly store: Store;
  /** Into the next commit; resolves after it. */
  keep(changes: readonly Change[]): Promise<void>;
}

interface Session {
  readonly session: string;
  readonly filters: readonly string[];
}

/** Brokers and client ids of former configurations that are remembered; the one used longest ago goes first. */
const SESSIONS_MAX = 8;
const KEY = Uint8Array.of(PREFIX.sessionFilters);

/** Filters of the sessions that brokers keep, in the agent's store. */
export class StoredSessionFilters implements SessionFilters {
  readonly #options: StoredSessionFiltersOptions;
  /** The latest first; undefined before the store was read. */
  #sessions: readonly Session[] | undefined;

  constructor(options: StoredSessionFiltersOptions) {
    this.#options = options;
  }

  async read(session: string): Promise<readonly string[]> {
    this.#sessions ??= await this.#stored();
    return this.#sessions.find((each) => each.session === session)?.filters ?? [];
  }

  async save(session: string, filters: readonly string[]): Promise<void> {
    const before = await this.read(session);
    if (before.length === filters.length && filters.every((filter) => before.includes(filter))) return;
    const others = (this.#sessions ?? []).filter((each) => each.session !== session);
    this.#sessions = [{ session, filters }, ...others].slice(0, SESSIONS_MAX);
    await this.#options.keep([putJson(KEY, this.#sessions)]);
  }

  async #stored(): Promise<readonly Session[]> {
    const bytes = await this.#options.store.get(KEY);
    const stored = bytes === undefined ? undefined : parseJson(bytes);
    return Array.isArray(stored) ? stored.filter(isSession) : [];
  }
}

function isSession(value: unknown): value is Session {
  if (typeof value !== "object" || value === null || !("session" in value && "filters" in value))
    return false;
  const { session, filters } = value;
  const areTexts = Array.isArray(filters) && filters.every((filter) => typeof filter === "string");
  return typeof session === "string" && areTexts;
}
