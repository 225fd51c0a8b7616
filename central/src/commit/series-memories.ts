import { SeriesMemory } from "@millrace/wire";

/** More writers than this are forgotten together: those still in use are back with their next batch. */
const WRITERS_MAX = 10_000;

/** What each agent's batches say of their series. */
export class SeriesMemories {
  readonly #ofAgents = new Map<string, SeriesMemory>();

  of(agent: string): SeriesMemory {
    let memory = this.#ofAgents.get(agent);
    if (memory === undefined) {
      if (this.#ofAgents.size >= WRITERS_MAX) this.#ofAgents.clear();
      memory = new SeriesMemory();
      this.#ofAgents.set(agent, memory);
    }
    return memory;
  }
}
