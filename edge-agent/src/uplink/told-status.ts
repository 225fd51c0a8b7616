import type { Heartbeat } from "@millrace/wire";

type Status = NonNullable<Heartbeat["status"]>;

/**
 * Leaves a status out of the heartbeats of one session once central has echoed one that told it. An intake's broker may lose
 * heartbeats: until the echo each of them tells it.
 */
export class ToldStatus {
  #text = "";
  /** The first heartbeat that told it. */
  #beat = 0;
  #isHeld = false;

  /** What the heartbeat `beat` says of the status; undefined: as told before. */
  of(status: Status, beat: number): Status | undefined {
    const text = JSON.stringify(status);
    if (text === this.#text) return this.#isHeld ? undefined : status;
    this.#text = text;
    this.#beat = beat;
    this.#isHeld = false;
    return status;
  }

  echoed(beat: number): void {
    this.#isHeld ||= beat >= this.#beat;
  }
}
