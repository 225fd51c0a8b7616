import type { BusinessRecord, RecordSource } from "../business-record.ts";
import type { TimeText } from "../time-text.ts";
import type { AppOpen, OpenStream } from "./open-stream.ts";

export interface OpenSourceOptions {
  readonly stream: OpenStream;
  readonly time: TimeText;
  readonly idPrefix: string;
  /** Sees every open before it becomes a record. */
  readonly onOpen: (open: AppOpen) => void;
}

const PLATFORMS = ["android", "ios", "web"];

/** `{"open_id","time","user","session","platform"}`. */
export class OpenSource implements RecordSource {
  readonly #options: OpenSourceOptions;

  constructor(options: OpenSourceOptions) {
    this.#options = options;
  }

  take(untilMs: number, into: BusinessRecord[] | null): void {
    const { stream, time, idPrefix, onOpen } = this.#options;
    for (let open = stream.next(untilMs); open !== null; open = stream.next(untilMs)) {
      onOpen(open);
      if (into === null) continue;
      const { number, timeMs, user, session } = open;
      const id = `v${idPrefix}${number}`;
      const key = `u${user}`;
      const json = `{"open_id":"${id}","time":${time.of(timeMs)},"user":"${key}","session":"s${idPrefix}${session}","platform":"${PLATFORMS[user % 3]}"}`;
      into.push({ topic: "app-opens", id, timeMs, sentMs: timeMs, key, json });
    }
  }
}
