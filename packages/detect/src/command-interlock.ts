const MINUTE_MS = 60_000;

/** One topic's commands of the last minute, as plain JSON: how long ago each was, ms. */
export interface InterlockState {
  readonly topic: string;
  readonly agesMs: readonly number[];
}

/**
 * Not more than so many commands of one rule to one machine within a minute; a machine is the topic of its commands.
 * Counted in awake time (see `AwakeClock`), which no clock that is set makes shorter; a stop of the process holds longer.
 * What a dry run takes holds itself back alone: it is in no export, so that it holds no command of the armed rule.
 */
export class CommandInterlock {
  readonly #perMinuteMax: number | null;
  readonly #isDryRun: boolean;
  readonly #takenAtMs = new Map<string, number[]>();
  readonly #dryTakenAtMs = new Map<string, number[]>();

  constructor(perMinuteMax: number | null, { isDryRun = false } = {}) {
    this.#perMinuteMax = perMinuteMax;
    this.#isDryRun = isDryRun;
  }

  /** When the next command to the topic is allowed: at once where that is not after `awakeMs`. */
  allowedAtMs(topic: string, awakeMs: number): number {
    if (this.#perMinuteMax === null) return awakeMs;
    // A dry run's are the later ones: what was sent was sent by the rule before.
    const taken = [...recent(this.#takenAtMs, topic, awakeMs), ...recent(this.#dryTakenAtMs, topic, awakeMs)];
    return taken.length < this.#perMinuteMax ? awakeMs : taken[taken.length - this.#perMinuteMax] + MINUTE_MS;
  }

  take(topic: string, awakeMs: number): void {
    if (this.#perMinuteMax === null) return;
    const takenAtMs = this.#isDryRun ? this.#dryTakenAtMs : this.#takenAtMs;
    const taken = recent(takenAtMs, topic, awakeMs);
    taken.push(awakeMs);
    takenAtMs.set(topic, taken);
  }

  export(awakeMs: number): InterlockState[] {
    return [...this.#takenAtMs.keys()].flatMap((topic) => {
      const agesMs = recent(this.#takenAtMs, topic, awakeMs).map((atMs) => awakeMs - atMs);
      return agesMs.length === 0 ? [] : [{ topic, agesMs }];
    });
  }

  /** Of one topic; undefined where nothing bounds its commands. */
  exportOne(topic: string, awakeMs: number): InterlockState | undefined {
    if (this.#perMinuteMax === null) return undefined;
    return { topic, agesMs: recent(this.#takenAtMs, topic, awakeMs).map((atMs) => awakeMs - atMs) };
  }

  restore(states: readonly InterlockState[], awakeMs: number): void {
    for (const { topic, agesMs } of states)
      this.#takenAtMs.set(
        topic,
        agesMs.map((ageMs) => awakeMs - ageMs),
      );
  }
}

function recent(takenAtMs: Map<string, number[]>, topic: string, awakeMs: number): number[] {
  const taken = (takenAtMs.get(topic) ?? []).filter((atMs) => atMs > awakeMs - MINUTE_MS);
  if (taken.length === 0) takenAtMs.delete(topic);
  else takenAtMs.set(topic, taken);
  return taken;
}
