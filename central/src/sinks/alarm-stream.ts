import type { AlarmView } from "../alarms/alarm-view.ts";
import { isChangedIn } from "./changed-range.ts";
import type { SinkPage, SinkPageQuery, SinkPlace, SinkStream } from "./sink-stream.ts";

/** Alarms at their latest step, read again from central's book. */
export class AlarmStream implements SinkStream<AlarmView> {
  readonly #alarms: () => readonly AlarmView[];
  readonly #isNotified: boolean;

  /**
   * @param isNotified for people: what is historical or suppressed is left out, and where nothing is known of what was said
   * before, only what is active is said.
   */
  constructor(alarms: () => readonly AlarmView[], { isNotified }: { readonly isNotified: boolean }) {
    this.#alarms = alarms;
    this.#isNotified = isNotified;
  }

  keyOf(alarm: AlarmView): string | null {
    if (this.#isNotified && (alarm.isHistorical || (alarm.isSuppressed === true && alarm.isActive)))
      return null;
    return `${alarm.agent}\0${alarm.id}`;
  }

  changedAtMs({ receivedAtMs }: AlarmView): number {
    return receivedAtMs;
  }

  /** They are few, and read whole. */
  placeOf({ receivedAtMs }: AlarmView): SinkPlace {
    return { part: "", atMs: receivedAtMs };
  }

  isExpired({ isActive, receivedAtMs }: AlarmView, cutoffMs: number): boolean {
    return !isActive && receivedAtMs < cutoffMs;
  }

  /** In the order of their keys, which hold still while alarms come and go. A cursor is the last key. */
  async read({ changed, limit, cursor }: SinkPageQuery): Promise<SinkPage<AlarmView>> {
    const found: { key: string; alarm: AlarmView }[] = [];
    for (const alarm of this.#alarms()) {
      const key = this.keyOf(alarm);
      if (key === null || (cursor !== null && key <= cursor)) continue;
      const isDue =
        changed === null ? !this.#isNotified || alarm.isActive : isChangedIn(changed, alarm.receivedAtMs);
      if (isDue) found.push({ key, alarm });
    }
    found.sort((a, b) => (a.key < b.key ? -1 : 1));
    const page = found.slice(0, limit);
    return {
      items: page.map(({ alarm }) => alarm),
      cursor: found.length > limit ? (page.at(-1)?.key ?? null) : null,
    };
  }
}
