import { RememberedTopics } from "../remembered-topics.ts";
import { filterCovers, filterTakes } from "../topic-filter.ts";

/** Where the agent commands. */
export class CommandTopics {
  #filters: readonly string[];
  readonly #isCommand = new RememberedTopics((topic) =>
    this.#filters.some((filter) => filterTakes(filter, topic)),
  );

  constructor(filters: readonly string[]) {
    this.#filters = filters;
  }

  setFilters(filters: readonly string[]): void {
    this.#filters = filters;
    this.#isCommand.forget();
  }

  /** Whether the topic is the agent's to command on. */
  has(topic: string): boolean {
    return this.#isCommand.find(topic);
  }

  /** Whether all topics of the filter are. */
  hasAllOf(filter: string): boolean {
    return this.#filters.some((commands) => filterCovers(commands, filter));
  }
}
