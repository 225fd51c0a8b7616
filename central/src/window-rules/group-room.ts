/** Of one rule; each takes up to 60 KB in memory, where it has as many windows as are kept. */
const RULE_GROUPS_MAX = 10_000;

/**
 * How many groups of windows all rules together may watch. Half of it is shared out among the rules, the rest is for whoever
 * comes first: a rule whose windows are grouped by a name that somebody invents takes no other rule's share.
 */
export class GroupRoom {
  readonly #groupsMax: number;
  readonly #groupCounts: () => readonly number[];

  /** @param groupCounts of each rule, what it has. */
  constructor(groupsMax: number, groupCounts: () => readonly number[]) {
    this.#groupsMax = groupsMax;
    this.#groupCounts = groupCounts;
  }

  /** For one more, of a rule that has so many. */
  hasRoom(groupCount: number): boolean {
    if (groupCount >= RULE_GROUPS_MAX) return false;
    const counts = this.#groupCounts();
    const share = Math.floor(this.#groupsMax / (2 * counts.length));
    if (groupCount < share) return true;
    const claimed = counts.reduce((sum, count) => sum + Math.max(count, share), 0);
    return claimed < this.#groupsMax;
  }
}
