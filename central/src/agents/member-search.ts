import type { UplinkLog } from "../log/uplink-log.ts";
import { CLOCK_TOLERANCE_MS } from "./trusted-time.ts";

export interface StoredMemberSearch {
  /** The log's name: what another one holds says nothing of who is in this one. */
  readonly log: string;
}

/**
 * Whether it is still open since when agents belong. A store that meets agents for the first time, beside a log that may hold
 * much of them, takes them for new; since when they belonged, the log tells. Until all that was there has been read, nobody
 * can say who was expected behind the windows of then.
 */
export class MemberSearch {
  readonly #log: string;
  #isOn: boolean;
  #isDirty: boolean;

  constructor(log: string, stored: StoredMemberSearch | null) {
    this.#log = log;
    this.#isOn = stored !== null && stored.log === log;
    this.#isDirty = stored !== null && !this.#isOn;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** Agents have been enrolled that the log may tell more of. */
  begin(): void {
    this.#isDirty ||= !this.#isOn;
    this.#isOn = true;
  }

  /** To be called once what was taken of the log has been applied. */
  look({ isCaughtUp }: Pick<UplinkLog, "isCaughtUp">): void {
    if (!isCaughtUp || !this.#isOn) return;
    this.#isOn = false;
    this.#isDirty = true;
  }

  /** All are known who belonged before this. Whoever wrote to the log did so by its own clock. */
  knownToMs({ takenToMs }: Pick<UplinkLog, "takenToMs">): number {
    return this.#isOn ? takenToMs - CLOCK_TOLERANCE_MS : Infinity;
  }

  /** What is to be stored; null: nothing any more; undefined: it is as it was. */
  takeDirty(): StoredMemberSearch | null | undefined {
    if (!this.#isDirty) return undefined;
    this.#isDirty = false;
    return this.#isOn ? { log: this.#log } : null;
  }
}
