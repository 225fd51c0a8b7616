import { join } from "node:path";
import { loadAgentConfig } from "@millrace/config";
import { BatchQueue, isStoreAt, isStoreDamage, LevelStore, type VerifyRow } from "@millrace/queue";
import { type Command, plainText, systemRandom } from "@millrace/runtime";
import { numberOfKey, parseJson, PREFIX, prefixRange, readSeries } from "../durability/agent-store.ts";
import { lastEndStatus, lastEndText } from "../durability/last-end.ts";
import { parseFilePosition } from "../inputs/files/file-position.ts";
import { parseMessage } from "../durability/message-record.ts";
import { parseRedoEntry, QUALITIES, REDO_FLAG } from "../durability/redo-entry.ts";
import { parseSession } from "../durability/session-record.ts";
import { readAudit } from "../actions/read-audit.ts";
import { HeldReadings } from "../intake/held-readings.ts";
import { parseHeldRows } from "../intake/held-rows.ts";
import { Quarantine } from "../intake/quarantine.ts";
import { AGENT_STORE_VERSION } from "../version.ts";
import { CONFIG_FLAG } from "./config-flag.ts";
import { batchRows, contentRows } from "./outbox-rows.ts";
import { renderAudit } from "./render-audit.ts";
import { renderQuarantined } from "./render-quarantined.ts";

interface Finding {
  readonly where: string;
  readonly isOk: boolean;
  readonly detail: string;
}

/** `millrace-agent doctor`: examines the store of an agent that does not run, batch by batch; repairs it where asked to. */
export const doctorCommand: Command = {
  summary: "examine the agent's store: every checksum, every lane",
  details:
    "The agent must not run meanwhile. Exit code 1 when something is damaged; `run` goes on with what is whole, and says what it lost.",
  flags: {
    config: CONFIG_FLAG,
    json: { type: "switch", summary: "print JSON lines" },
    list: { type: "switch", summary: "print a JSON line for each batch in the outbox, and nothing else" },
    export: {
      type: "switch",
      summary:
        "print what the store holds as JSON lines: panes, alarm steps, what was given up, what is in quarantine, readings that are held",
    },
    held: {
      type: "switch",
      summary:
        "print the readings that are ahead of the agent's clock, and wait until it is proven, as JSON lines",
    },
    quarantine: {
      type: "switch",
      summary: "print the payloads that were set aside, of earlier runs too, with their first bytes",
    },
    audit: {
      type: "switch",
      summary: "print the audit trail: commands and what became of them, resets, maintenance, reloads",
    },
    repair: { type: "switch", summary: "mend the store first, and keep what is whole of it" },
  },
  async run({ flags, output }) {
    const { config } = loadAgentConfig(flags.requiredText("config"), { toleratesFiles: true });
    const path = join(config.dataFolder, "store");
    // Opening would make one. Where a file of it is gone, opening mends it.
    if (!isStoreAt(path)) {
      output.err(`${path}: there is no store; an agent that has run with this \`data\` folder leaves one\n`);
      return 1;
    }
    const store = await LevelStore.open({
      path,
      kind: "agent",
      version: AGENT_STORE_VERSION,
      pid: process.pid,
      isThorough: true,
      isVisit: true,
    });
    let damagedCount = 0;
    try {
      if (flags.isOn("repair")) await store.repair();
      const listing = flags.isOn("list") ? batchRows : flags.isOn("export") ? contentRows : undefined;
      if (listing !== undefined) {
        const queue = await BatchQueue.open(store, { random: systemRandom });
        for await (const row of listing(queue)) output.out(`${JSON.stringify(row)}\n`);
        if (flags.isOn("export")) {
          for await (const quarantine of Quarantine.read(store))
            output.out(`${JSON.stringify({ quarantine })}\n`);
          for await (const held of heldRows(store)) output.out(`${JSON.stringify({ held })}\n`);
        }
        return 0;
      }
      if (flags.isOn("held")) {
        for await (const held of heldRows(store)) output.out(`${JSON.stringify(held)}\n`);
        return 0;
      }
      if (flags.isOn("quarantine") || flags.isOn("audit")) {
        for await (const line of recordLines(store, flags.isOn("quarantine"), flags.isOn("json")))
          output.out(`${line}\n`);
        return 0;
      }
      for await (const finding of findings(store)) {
        if (!finding.isOk) damagedCount += 1;
        output.out(
          flags.isOn("json")
            ? `${JSON.stringify(finding)}\n`
            : `${finding.isOk ? "ok     " : "DAMAGED"} ${finding.where.padEnd(16)} ${plainText(finding.detail)}\n`,
        );
      }
    } finally {
      await store.close();
    }
    const verdict = damagedCount === 0 ? "nothing is damaged" : `${damagedCount} damaged`;
    // Behind JSON lines it would be none.
    output[flags.isOn("json") ? "err" : "out"](`${path}: ${verdict}\n`);
    return damagedCount === 0 ? 0 : 1;
  },
};

async function* recordLines(
  store: LevelStore,
  isQuarantine: boolean,
  isJson: boolean,
): AsyncIterable<string> {
  if (isQuarantine)
    for await (const payload of Quarantine.read(store))
      yield isJson ? JSON.stringify(payload) : renderQuarantined(payload);
  else for await (const line of readAudit(store)) yield isJson ? JSON.stringify(line) : renderAudit(line);
}

/** Held readings, in the order in which they came. `heldByMs`: the agent's clock then, which may be wrong. */
async function* heldRows(store: LevelStore): AsyncIterable<object> {
  const series = new Map(
    (await readSeries(store)).map(({ index, definition }) => [index, definition] as const),
  );
  for await (const { row, cameAtMs: heldByMs } of HeldReadings.read(store)) {
    const { metric = null, labels = null } = series.get(row.series) ?? {};
    const quality = QUALITIES[row.flags & REDO_FLAG.qualityMask];
    yield { metric, labels, timeMs: row.timeMs, value: row.value, quality, heldByMs };
  }
}

/** What LevelDB cannot read is a finding too, and the last. */
async function* findings(store: LevelStore): AsyncIterable<Finding> {
  try {
    yield* examine(store);
  } catch (error) {
    if (!isStoreDamage(error)) throw error;
    yield { where: "store", isOk: false, detail: `${error.message}; --repair keeps what is whole` };
  }
}

async function* examine(store: LevelStore): AsyncIterable<Finding> {
  const { opened, setAsidePath, hasLostCommits } = store;
  const aside = setAsidePath === undefined ? "" : `; what was damaged is in ${setAsidePath}`;
  yield {
    where: "store",
    isOk: !hasLostCommits && (opened === "clean" || opened === "created"),
    detail: `opened: ${opened}${hasLostCommits ? ", and some of what was committed is gone" : ""}${aside}`,
  };
  const lastEnd = lastEndText(lastEndStatus(store.lastEnd, await receivedOf(store)));
  if (lastEnd !== undefined) yield { where: "last end", isOk: !store.lastEnd.isLogCut, detail: lastEnd };
  const queue = await BatchQueue.open(store, { random: systemRandom });
  yield { where: "outbox", isOk: true, detail: `store ${queue.storeId}, epoch ${queue.epoch}` };
  for await (const row of queue.verify()) yield findingOf(row);
  let entryCount = 0;
  let rowCount = 0;
  for await (const { value } of store.range(prefixRange(PREFIX.redo))) {
    const entry = parseRedoEntry(value);
    entryCount += 1;
    rowCount += entry?.rowCount ?? 0;
    if (entry === undefined) yield { where: "redo", isOk: false, detail: `entry ${entryCount} of the log` };
  }
  // Nothing else has a checksum of its own: the store's own tells.
  for await (const _ of store.range({ from: Uint8Array.of(PREFIX.series), to: Uint8Array.of(0xff) }));
  yield {
    where: "values",
    isOk: store.damagedCount === 0,
    detail: `${store.damagedCount} are not what was written`,
  };
  yield { where: "redo", isOk: true, detail: `${entryCount} entries, ${rowCount} readings` };
  let heldCount = 0;
  for await (const { value } of store.range(prefixRange(PREFIX.held))) {
    const rows = parseHeldRows(value);
    heldCount += rows?.length ?? 0;
    if (rows === undefined) yield { where: "held", isOk: false, detail: "a block of held readings" };
  }
  if (heldCount > 0)
    yield { where: "held", isOk: true, detail: `${heldCount} readings wait until the clock is proven` };
  yield* brokerFindings(store);
  for await (const { key, value } of store.range(prefixRange(PREFIX.filePosition))) {
    const position = parseFilePosition(parseJson(value));
    yield position === undefined
      ? { where: "files", isOk: false, detail: `position ${numberOfKey(key)}: its file counts as never read` }
      : { where: "files", isOk: true, detail: `${position.path}: read to byte ${position.offset}` };
  }
}

/** By the ledger in the newest redo entry that is whole. */
async function receivedOf(store: LevelStore): Promise<number> {
  for await (const { value } of store.range({ ...prefixRange(PREFIX.redo), isReverse: true })) {
    const entry = parseRedoEntry(value);
    if (entry?.ledger !== undefined) return entry.ledger.received;
  }
  return 0;
}

/** What the embedded broker keeps for its clients. */
async function* brokerFindings(store: LevelStore): AsyncIterable<Finding> {
  const waiting = new Map<number, { messages: number; bytes: number }>();
  for await (const { key, value } of store.range(prefixRange(PREFIX.queuedMessage))) {
    const { messages, bytes } = waiting.get(numberOfKey(key)) ?? { messages: 0, bytes: 0 };
    waiting.set(numberOfKey(key), { messages: messages + 1, bytes: bytes + value.length });
    if (parseMessage(value) === undefined)
      yield { where: "broker", isOk: false, detail: `a message of session ${numberOfKey(key)}` };
  }
  for await (const { key, value } of store.range(prefixRange(PREFIX.session))) {
    const session = parseSession(value);
    const { messages, bytes } = waiting.get(numberOfKey(key)) ?? { messages: 0, bytes: 0 };
    const awaySince =
      session?.awaySinceMs == null ? "" : `, away since ${new Date(session.awaySinceMs).toISOString()}`;
    yield session === undefined
      ? { where: "broker", isOk: false, detail: `session ${numberOfKey(key)}: its client subscribes anew` }
      : {
          where: "broker",
          isOk: true,
          detail: `session of ${session.id}: ${session.subscriptions.size} subscriptions, waiting: ${messages} messages, ${bytes} bytes${awaySince}`,
        };
  }
  let retainedCount = 0;
  for await (const { value } of store.range(prefixRange(PREFIX.retained))) {
    retainedCount += 1;
    if (parseMessage(value) === undefined)
      yield { where: "broker", isOk: false, detail: "a retained message" };
  }
  if (retainedCount > 0) yield { where: "broker", isOk: true, detail: `${retainedCount} retained messages` };
}

function findingOf(row: VerifyRow): Finding {
  if (row.type === "damaged") {
    return { where: row.lane, isOk: false, detail: `sequence ${row.sequence}: ${row.reason}` };
  }
  const { oldest, acked, sent, next, queuedBatches, queuedBytes, queuedReadings } = row.state;
  const held = next === oldest ? "holds nothing" : `holds ${oldest}–${next - 1}`;
  return {
    where: row.lane,
    isOk: true,
    detail: `${held}, acknowledged ${acked}, sent ${sent}; waiting: ${queuedBatches} batches, ${queuedBytes} bytes, ${queuedReadings} readings`,
  };
}
