import type { RecordRule } from "@millrace/config";
import { endedAlarm } from "@millrace/detect";
import type { AlarmEvent } from "@millrace/detect";
import type { Change, Store } from "@millrace/queue";
import { keysUnder } from "../store/central-keys.ts";
import type { LeftRules } from "../alarms/left-rules.ts";
import { RecordWatchBook, WATCHED_SERIES } from "./record-watch-book.ts";

export interface OpenedRecordWatches extends LeftRules {
  readonly watches: readonly RecordWatchBook[];
}

/** The rules on records, with their series as the store has them. Rejects with `store_read`. */
export async function openRecordWatches(
  store: Store,
  rules: readonly RecordRule[],
): Promise<OpenedRecordWatches> {
  const watches = new Map(rules.map((rule) => [rule.spec.name, new RecordWatchBook(rule)]));
  const ended: AlarmEvent[] = [];
  const changes: Change[] = [];
  let unreadableCount = 0;
  for await (const { key, value } of store.range(keysUnder("w"))) {
    const state = WATCHED_SERIES.read(value);
    if (state === null) {
      unreadableCount += 1;
      continue;
    }
    const watch = watches.get(state.rule);
    const spec = watch?.rule.spec;
    if (watch !== undefined && spec?.metric === state.metric && spec.when.kind === state.kind) {
      watch.restore(state);
      continue;
    }
    changes.push({ type: "del", key });
    const endReason = watch === undefined ? "rule_removed" : "condition_changed";
    if (state.alarm !== null) ended.push(endedAlarm(state.alarm, state.heardAtMs, { endReason }));
  }
  return { watches: [...watches.values()], ended, changes, unreadableCount };
}
