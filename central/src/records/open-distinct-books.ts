import type { DistinctRule, RecordStreamConfig } from "@millrace/config";
import { endedAlarm } from "@millrace/detect";
import type { AlarmEvent, EndReason } from "@millrace/detect";
import type { Change, Store } from "@millrace/queue";
import { CENTRAL_KEYS, keysUnder, numberOf } from "../store/central-keys.ts";
import type { LeftRules } from "../alarms/left-rules.ts";
import { DISTINCT_KEYS, DISTINCT_RULES, DistinctBook } from "./distinct-book.ts";
import type { DistinctRuleRecord } from "./distinct-book.ts";

export interface OpenedDistinctBooks extends LeftRules {
  readonly books: readonly DistinctBook[];
}

/** The state of each rule as the store has it. Rejects with `store_read`. */
export async function openDistinctBooks(
  store: Store,
  rules: readonly DistinctRule[],
  streams: readonly RecordStreamConfig[],
): Promise<OpenedDistinctBooks> {
  const books: DistinctBook[] = [];
  const ended: AlarmEvent[] = [];
  const changes: Change[] = [];
  let unreadableCount = 0;
  for (const rule of rules) {
    const config = streams.find(({ name }) => name === rule.stream);
    if (config === undefined) continue;
    const book = new DistinctBook(rule, config);
    books.push(book);
    const { name } = rule.spec;
    const bytes = await store.get(CENTRAL_KEYS.distinctRule(name));
    const record = bytes === undefined ? null : DISTINCT_RULES.read(bytes);
    if (bytes !== undefined && record === null) unreadableCount += 1;
    if (record?.reads === book.reads) unreadableCount += await restore(store, book, record);
    else await leave(store, { rule: name, endReason: "condition_changed", ended, changes });
  }
  const names = new Set(books.map(({ rule }) => rule.spec.name));
  for await (const { value } of store.range(keysUnder("R"))) {
    const record = DISTINCT_RULES.read(value);
    if (record === null || names.has(record.rule)) continue;
    await leave(store, { rule: record.rule, endReason: "rule_removed", ended, changes });
    changes.push({ type: "del", key: CENTRAL_KEYS.distinctRule(record.rule) });
  }
  return { books, ended, changes, unreadableCount };
}

/** How many of its keys cannot be read. */
async function restore(store: Store, book: DistinctBook, record: DistinctRuleRecord): Promise<number> {
  let unreadableCount = 0;
  book.restore(record);
  for await (const { key, value } of store.range(keysUnder("p", record.rule)))
    book.restorePairs(numberOf(key), value);
  for await (const { value } of store.range(keysUnder("n", record.rule))) {
    const state = DISTINCT_KEYS.read(value);
    if (state === null) unreadableCount += 1;
    else book.restoreKey(state);
  }
  return unreadableCount;
}

/** Adds what becomes of a state that means nothing any more. */
async function leave(
  store: Store,
  {
    rule,
    endReason,
    ended,
    changes,
  }: {
    readonly rule: string;
    readonly endReason: EndReason;
    readonly ended: AlarmEvent[];
    readonly changes: Change[];
  },
): Promise<void> {
  for await (const { key } of store.range(keysUnder("p", rule))) changes.push({ type: "del", key });
  for await (const { key, value } of store.range(keysUnder("n", rule))) {
    changes.push({ type: "del", key });
    for (const { event, endMs } of DISTINCT_KEYS.read(value)?.alarms ?? [])
      if (event.isActive) ended.push(endedAlarm(event, endMs, { endReason }));
  }
}
