import { labelsKey, type WindowResult } from "@millrace/stream";

/** A reading in an agent's custody: acknowledged to its sensor. */
export interface HeldReading {
  readonly timeMs: number;
  readonly value: number;
  /** The agent's watermark when the delivery came that it acknowledged; null before the first. */
  readonly watermarkMs: number | null;
}

export interface PublicationWatchOptions {
  /** Each with one agent, `<site>-1`. */
  readonly sites: readonly string[];
  /** What the site's agent has acknowledged up to now. */
  held(site: string): readonly HeldReading[];
}

/** Problems told in words; more are only counted by the run that has them. */
const PROBLEMS_MAX = 100;
const ORDER = ["provisional", "complete", "final"] as const;

/**
 * Looks at every revision at the moment at which it is published, not only at the last ones:
 *
 *   - of an agent that a window counts as reporting, the window has every reading that was in the agent's custody before
 *     its watermark passed the window's end; what came later may revise it;
 *   - revisions rise, a state never goes back, and a final window is not published again.
 */
export class PublicationWatch {
  readonly #options: PublicationWatchOptions;
  readonly #latest = new Map<string, WindowResult>();
  readonly #problems: string[] = [];
  #completeCount = 0;

  constructor(options: PublicationWatchOptions) {
    this.#options = options;
  }

  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Publications that claimed to have everything from everybody. */
  get completeCount(): number {
    return this.#completeCount;
  }

  published(result: WindowResult): void {
    const key = `${result.window} ${result.startMs} ${labelsKey(result.group)}`;
    const before = this.#latest.get(key);
    this.#latest.set(key, result);
    const name = `window ${key}, revision ${result.revision} (${result.state})`;
    if (before !== undefined) this.#checkOrder(name, before, result);
    this.#checkClaim(name, result);
  }

  /** What is published last is what is kept: `kept` is the last revision of a window as the store has it. */
  kept(result: WindowResult): void {
    const key = `${result.window} ${result.startMs} ${labelsKey(result.group)}`;
    const last = this.#latest.get(key);
    if (last === undefined) return;
    // A crash between commit and publication leaves a newer one in the store; it is published when it changes again.
    if (result.revision < last.revision)
      this.#problem(`window ${key}: published revision ${last.revision}, kept ${result.revision}`);
    if (last.state === "final" && JSON.stringify(result) !== JSON.stringify(last))
      this.#problem(`window ${key}: changed after it was final`);
  }

  #checkOrder(name: string, before: WindowResult, result: WindowResult): void {
    if (before.state === "final") this.#problem(`${name}: published after it was final`);
    if (result.revision <= before.revision)
      this.#problem(`${name}: revision ${before.revision} was published before`);
    if (ORDER.indexOf(result.state) < ORDER.indexOf(before.state))
      this.#problem(`${name}: it was ${before.state} before`);
  }

  #checkClaim(name: string, result: WindowResult): void {
    const { startMs, endMs, group, values, state, completeness } = result;
    const { agentsExpected, agentsMissing } = completeness;
    const sites = this.#options.sites.filter((site) => (group["site"] ?? site) === site);
    if (agentsExpected !== sites.length)
      this.#problem(`${name}: expects ${agentsExpected} agents of ${sites.length}`);
    if (state === "complete" && agentsMissing.length > 0)
      this.#problem(`${name}: ${agentsMissing.join()} missing`);
    if (agentsMissing.length === 0) this.#completeCount += 1;
    const owed = sites
      .filter((site) => !agentsMissing.includes(`${site}-1`))
      .flatMap((site) => this.#options.held(site))
      .filter(
        ({ timeMs, watermarkMs }) =>
          startMs <= timeMs && timeMs < endMs && (watermarkMs ?? -Infinity) < endMs,
      );
    const lacks = (
      what: string,
      has: number | undefined,
      isAtLeast: (has: number) => boolean,
      owes: number,
    ) => {
      if (has === undefined || !isAtLeast(has))
        this.#problem(`${name}: ${what} ${has}, though those who report had accepted ${owes}`);
    };
    if (owed.length === 0) return;
    const least = Math.min(...owed.map(({ value }) => value));
    const greatest = Math.max(...owed.map(({ value }) => value));
    lacks("count", values["count"], (count) => count >= owed.length, owed.length);
    lacks("min", values["min"], (min) => min <= least, least);
    lacks("max", values["max"], (max) => max >= greatest, greatest);
  }

  #problem(text: string): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(text);
  }
}
