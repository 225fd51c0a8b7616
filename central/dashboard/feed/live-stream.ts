import type { Delta, Snapshot } from "./live-frames.ts";
import { parseDelta, parseSnapshot } from "./parse-frame.ts";

/** Central sends at least one frame a second: a stream that is silent this long is half-open and is begun again. */
const SILENCE_MS_MAX = 10_000;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 8_000;

/** The part of EventSource that is used. */
export interface FrameSource {
  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void;
  close(): void;
}

export interface LiveStreamOptions {
  openSource(): FrameSource;
  /** Calls back once after `delayMs`; the returned function cancels it. */
  startTimer(delayMs: number, callback: () => void): () => void;
  /** In [0, 1). */
  random(): number;
  onSnapshot(snapshot: Snapshot): void;
  /** Returns false when the delta does not follow what is held: the stream is begun again for a new snapshot. */
  onDelta(delta: Delta): boolean;
  onConnection(isOpen: boolean): void;
}

/** Holds one stream from central open: snapshot, deltas, and a new snapshot after every gap, silence or broken link. */
export class LiveStream {
  readonly #options: LiveStreamOptions;
  #source: FrameSource | null = null;
  #cancelTimer: () => void = () => {};
  #attempt = 0;
  /** Frames that could not be read. */
  malformedCount = 0;

  constructor(options: LiveStreamOptions) {
    this.#options = options;
  }

  open(): void {
    this.close();
    const source = this.#options.openSource();
    this.#source = source;
    let hasSnapshot = false;
    const ifCurrent = (listener: (data: string) => void) => (event: { data?: unknown }) => {
      if (this.#source === source) listener(typeof event.data === "string" ? event.data : "");
    };
    source.addEventListener(
      "snapshot",
      ifCurrent((data) => {
        const snapshot = parseSnapshot(data);
        if (snapshot === null) return this.#malformed();
        hasSnapshot = true;
        this.#attempt = 0;
        this.#watchSilence();
        this.#options.onSnapshot(snapshot);
        this.#options.onConnection(true);
      }),
    );
    source.addEventListener(
      "delta",
      ifCurrent((data) => {
        const delta = parseDelta(data);
        if (delta === null) return this.#malformed();
        this.#watchSilence();
        if (hasSnapshot && !this.#options.onDelta(delta)) this.#retry();
      }),
    );
    source.addEventListener(
      "error",
      ifCurrent(() => this.#retry()),
    );
    this.#watchSilence();
  }

  close(): void {
    this.#cancelTimer();
    this.#source?.close();
    this.#source = null;
  }

  #malformed(): void {
    this.malformedCount += 1;
    this.#retry();
  }

  #watchSilence(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#options.startTimer(SILENCE_MS_MAX, () => this.#retry());
  }

  /** Exponential backoff with full jitter, so that a restarted central is not met by every screen at once. */
  #retry(): void {
    this.close();
    this.#options.onConnection(false);
    const ceilingMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(this.#attempt, 10));
    this.#attempt += 1;
    const delayMs = RETRY_MS_MIN + this.#options.random() * (ceilingMs - RETRY_MS_MIN);
    this.#cancelTimer = this.#options.startTimer(delayMs, () => this.open());
  }
}
