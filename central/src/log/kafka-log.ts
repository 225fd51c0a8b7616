import type {
  KafkaAdmin,
  KafkaBatch,
  KafkaClient,
  KafkaConsumer,
  KafkaPosition,
  KafkaRange,
  KafkaRecord,
  KafkaSkip,
} from "@millrace/kafka";
import { formatDuration, reasonOf } from "@millrace/runtime";
import type { Clock, Logger, Timer } from "@millrace/runtime";
import { readUplinkHeaders } from "@millrace/wire";
import type { InboxLimits } from "../sessions/inbox.ts";
import { openEnvelope } from "./opened-message.ts";
import { CatchUp } from "./catch-up.ts";
import { LogWriter } from "./log-writer.ts";
import { ReadAhead } from "./read-ahead.ts";
import type { ReadItem } from "./read-ahead.ts";
import type { LogEntry, LogPosition, LogStart, LogTurn, LogView, UplinkLog } from "./uplink-log.ts";

export interface KafkaLogOptions {
  readonly topic: string;
  readonly client: KafkaClient;
  /** Random name of this process. */
  readonly process: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** While partitions are read together: how long one that gives nothing holds the others back. */
  readonly patienceMs: number;
}

/** While partitions are taken together: what was fetched of one that is ahead is thrown away. */
const ORDERED_FETCH_BYTES_MAX = 1024 * 1024;
const LOOK_INTERVAL_MS = 1_000;
const RETRY_MS = 1_000;
/** Of what others may have written since its ends were last looked at, nobody here knows. */
const LOOK_AGE_MS_MAX = 3_000;
/** Longer than one try comes after another: trouble that was not told again for so long may be over. */
const TROUBLE_MS = 5_000;

/**
 * A Kafka topic as the log. Central writes what it has let in, and takes from the topic whatever is there, its own and what
 * agents have written themselves, from the offsets that its state holds.
 */
export class KafkaLog implements UplinkLog {
  readonly isApart = true;
  readonly #options: KafkaLogOptions;
  readonly #readAhead: ReadAhead;
  readonly #catchUp: CatchUp;
  readonly #writer: LogWriter;
  #wake: () => void = () => {};
  #positions: ReadonlyMap<number, LogPosition> = new Map();
  /** Of the topic, as it is. */
  #identity: string | undefined;
  #consumer: KafkaConsumer | null = null;
  /** While it looks whether the topic is there. */
  #admin: KafkaAdmin | null = null;
  #ends = new Map<number, number>();
  /** When it was last asked where its partitions end, and answered. */
  #lookedAt = { nowMs: -Infinity, monotonicMs: -Infinity };
  /** Passed over, and not yet told: in order, those of a partition behind what is still to be read of it. */
  readonly #skips: KafkaSkip[] = [];
  /** Partitions whose log ended before what was read of them. */
  readonly #wentBack = new Set<number>();
  /** Before more is read. */
  #isAskedAnew = false;
  #state: LogView["state"] = "starting";
  #readTrouble = "";
  #troubleAtMs = -Infinity;
  /** Something was read, or nothing is left to read, since reading had trouble. */
  #hasGoneOn = true;
  #isClosed = false;
  #running: Promise<void> = Promise.resolve();
  #timer: Timer | null = null;
  #endPause: () => void = () => {};

  constructor(options: KafkaLogOptions) {
    this.#options = options;
    this.#readAhead = new ReadAhead();
    this.#writer = new LogWriter(options);
    const { topic, patienceMs } = options;
    this.#catchUp = new CatchUp({
      readAhead: this.#readAhead,
      nextOf: (partition) => this.#nextOf(partition),
      hold: (partition, isHeld) =>
        isHeld
          ? this.#consumer?.pause([{ topic, partition }])
          : this.#consumer?.resume([{ topic, partition }]),
      patienceMs,
    });
  }

  start({ positions, isAnew, wake }: LogStart): void {
    this.#wake = wake;
    this.#positions = new Map(positions);
    this.#catchUp.begin(
      isAnew || [...positions.values()].some(({ next, inOrderTo = 0 }) => next < inOrderTo),
    );
    this.#running = this.#readOn();
    this.#writer.start();
    this.#lookAgain();
  }

  get hasRoom(): boolean {
    return this.#catchUp.isOpen && this.#writer.hasRoom;
  }

  append(entries: readonly LogEntry[]): void {
    this.#writer.append(entries);
  }

  get isEmpty(): boolean {
    return this.#readAhead.isEmpty;
  }

  take(limits: InboxLimits): LogTurn {
    const turn = this.#readAhead.take(limits);
    for (const entry of turn.entries) this.#writer.readBack(entry);
    const isOrdered = this.#catchUp.isInOrder && turn.positions.length > 0;
    const positions = isOrdered ? this.#ordered(turn.positions) : turn.positions;
    if (!this.#catchUp.isDone || this.#catchUp.isInOrder) this.#noteProgress();
    return { ...turn, positions };
  }

  /** With those of all other partitions. */
  #ordered(taken: readonly LogPosition[]): LogPosition[] {
    const positions = new Map([...this.#positions, ...taken.map((each) => [each.partition, each] as const)]);
    this.#positions = positions;
    return this.#catchUp.ordered(positions.values());
  }

  get isCaughtUp(): boolean {
    return this.#catchUp.isDone;
  }

  get takenToMs(): number {
    const { partitions } = this.#catchUp;
    if (partitions === null) return -Infinity;
    const { nowMs, monotonicMs } = this.#lookedAt;
    const isKnown = this.#options.clock.monotonicMs() - monotonicMs <= LOOK_AGE_MS_MAX;
    let takenToMs = isKnown ? Infinity : nowMs;
    for (const partition of partitions)
      if (this.#lagOf(partition) > 0) takenToMs = Math.min(takenToMs, this.#readAhead.takenToMs(partition));
    return takenToMs;
  }

  get view(): LogView {
    const lag = Object.fromEntries(
      [...this.#ends.keys()].map((partition) => [partition, this.#lagOf(partition)]),
    );
    const trouble = this.#readTrouble || this.#writer.trouble;
    const isTroubled =
      (trouble !== "" || this.#lacks !== "") && this.#state !== "no_topic" && this.#state !== "stopped";
    const behind = Object.values(lag).reduce((sum, each) => sum + each, 0);
    const state = isTroubled ? "trouble" : this.#state;
    const reasons: Partial<Record<LogView["state"], string>> = {
      starting: "central looks for its log",
      no_topic: `there is no topic ${this.#options.topic}`,
      catching_up: `central reads its log to the end first: ${behind} records to go${this.#waitsFor}`,
      trouble: trouble === "" ? this.#lacks : `the log cannot be used: ${trouble}${this.#waitsFor}`,
    };
    return {
      kind: "kafka",
      state,
      reason: reasons[state] ?? "",
      lag,
      leftOut: this.#catchUp.leftOut,
      waitingBytes: this.#writer.pendingBytes,
      appendedEntries: this.#writer.appendedEntries,
    };
  }

  /** Why nothing is taken though much is there; or what is taken without. */
  get #waitsFor(): string {
    const { missing } = this.#readAhead;
    if (missing.length > 0)
      return `; all partitions are taken together, the earliest record first, and nothing comes of ${partitionsOf(missing)}`;
    return this.#lacks === "" ? "" : `; ${this.#lacks}`;
  }

  get #lacks(): string {
    const { leftOut } = this.#catchUp;
    if (leftOut.length === 0) return "";
    return `nothing comes of ${partitionsOf(leftOut)}, and what is left there is not in the windows, which stay provisional until it is`;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#endPause();
    this.#readAhead.close();
    await this.#writer.close();
    await Promise.all([this.#consumer?.close(), this.#admin?.close()]);
    await this.#running;
    this.#state = "stopped";
  }

  #lagOf(partition: number): number {
    return Math.max(0, (this.#ends.get(partition) ?? 0) - this.#nextOf(partition));
  }

  /** Behind what has been taken of it. */
  #nextOf(partition: number): number {
    const taken = this.#readAhead.position(partition) ?? this.#positions.get(partition);
    return taken === undefined || this.#isOfAnother(taken) ? 0 : taken.next;
  }

  /** Behind what has been read of it. */
  #readTo(partition: number): LogPosition | undefined {
    return this.#readAhead.readTo(partition) ?? this.#positions.get(partition);
  }

  /** It is of another topic, that had the same name: of one that says nothing the others tell, since all are made together. */
  #isOfAnother({ identity }: LogPosition): boolean {
    const isOther = (each: string | undefined): boolean =>
      each !== undefined && this.#identity !== undefined && each !== this.#identity;
    if (identity !== undefined) return isOther(identity);
    return [...this.#positions.values()].some((each) => isOther(each.identity));
  }

  async #readOn(): Promise<void> {
    const { log, topic } = this.#options;
    while (!this.#isClosed) {
      try {
        if (await this.#isTopicThere()) await this.#read();
      } catch (error) {
        this.#troubledRead(reasonOf(error));
        log.repeated("log_read", "cannot read the log; trying again", { topic, reason: reasonOf(error) });
      }
      if (!this.#isClosed) await this.#pause();
    }
  }

  async #isTopicThere(): Promise<boolean> {
    const { client, log, topic } = this.#options;
    const admin = client.admin();
    this.#admin = admin;
    try {
      const found = await admin.describeTopic(topic);
      if (found === null) {
        this.#state = "no_topic";
        log.repeated("log_topic", "the log's topic is not there; waiting for it", { topic });
        return false;
      }
      this.#identity = found.id;
      const settings = await admin.topicSettings(topic);
      // Of each key it would keep the last record only: a site's last batch.
      if (settings?.["cleanup.policy"]?.includes("compact") === true)
        throw new Error(
          `topic ${topic} has cleanup.policy=${settings["cleanup.policy"]}, which deletes all of a site's batches but the last; set it to delete`,
        );
      if (found.replicas < 2 || settings?.["min.insync.replicas"] === "1")
        log.repeated("log_replicas", "what the log holds may be on one broker only", {
          topic,
          replicas: found.replicas,
          min_insync_replicas: settings?.["min.insync.replicas"] ?? "unknown",
        });
      return true;
    } finally {
      this.#admin = null;
      await admin.close();
    }
  }

  async #read(): Promise<void> {
    const { client, topic } = this.#options;
    // It begins before what is not told yet, and comes to it again.
    this.#skips.length = 0;
    const consumer = client.consumer({
      group: null,
      topics: [topic],
      from: "start",
      // Whether it will be in order, its partitions tell.
      ...(this.#catchUp.isOpen ? {} : { fetchBytesMax: ORDERED_FETCH_BYTES_MAX }),
      positions: (assigned) => this.#beginnings(consumer, assigned),
      topicIds: { [topic]: this.#identity },
      onRemade: () => this.#askAnew(),
      onSkipped: (skip) => this.#skipped(skip),
      onTrouble: (reason) => this.#troubledRead(reason),
    });
    this.#consumer = consumer;
    this.#catchUp.readAnew();
    this.#isAskedAnew = false;
    if (this.#isClosed) await consumer.close();
    try {
      for (let batch = await consumer.next(); batch !== null; batch = await consumer.next()) {
        if (this.#isAskedAnew) break;
        this.#hasGoneOn = true;
        this.#reads();
        this.#take(batch);
        this.#catchUp.holdBack();
        this.#wake();
        await this.#readAhead.room();
      }
    } finally {
      this.#consumer = null;
      await consumer.close();
    }
  }

  async #beginnings(
    consumer: KafkaConsumer,
    assigned: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<KafkaPosition[]> {
    const ranges = await this.#ranges(consumer);
    const isMet = (partition: number): boolean => {
      const known = this.#readTo(partition);
      return known !== undefined && !this.#isOfAnother(known);
    };
    this.#catchUp.looked(
      ranges.some(({ partition, startOffset, endOffset }) => endOffset > startOffset && !isMet(partition)),
    );
    this.#tellVanished(ranges);
    const beginnings = assigned.map(({ topic, partition }) => {
      const range = ranges.find((each) => each.partition === partition);
      const { startOffset = 0, endOffset = 0 } = range ?? {};
      const known = this.#readTo(partition);
      const isShorter = this.#wentBack.delete(partition);
      const isRemade = known !== undefined && (isShorter || this.#isOfAnother(known));
      const isAnew = known === undefined || isRemade;
      // Where nothing of it has ever been read, its beginning counts, and that may be gone too.
      const from = known?.next ?? 0;
      if (isAnew && Math.max(from, startOffset) > 0)
        this.#skips.push({ topic, partition, offset: from, nextOffset: startOffset });
      this.#catchUp.aim(partition, endOffset, isRemade);
      this.#ends.set(partition, isRemade ? endOffset : Math.max(endOffset, this.#ends.get(partition) ?? 0));
      return { topic, partition, offset: isAnew ? startOffset : from };
    });
    this.#catchUp.order();
    this.#noteProgress();
    this.#wake();
    return beginnings;
  }

  /** Partitions that the topic has no more: it was made anew with fewer. */
  #tellVanished(ranges: readonly KafkaRange[]): void {
    const untilMs = this.#options.clock.nowMs();
    const identity = this.#identity;
    for (const partition of new Set([...this.#positions.keys(), ...(this.#catchUp.partitions ?? [])])) {
      if (ranges.some((range) => range.partition === partition)) continue;
      const known = this.#readTo(partition);
      // A topic loses none: there it is only not known at the moment.
      if (known?.identity !== undefined && known.identity === identity) continue;
      this.#catchUp.forget(partition);
      this.#ends.delete(partition);
      const from = known?.next ?? 0;
      if (from === 0) continue;
      const gap = { partition, from, next: 0, untilMs };
      this.#readAhead.add({ partition, next: 0, identity, gap, items: [] });
    }
  }

  #skipped(skip: KafkaSkip): void {
    if (skip.damage === undefined && skip.nextOffset <= skip.offset) {
      this.#wentBack.add(skip.partition);
      this.#askAnew();
      return;
    }
    this.#skips.push(ownedSkip(skip));
  }

  /** The topic has been made anew meanwhile: which one it is has to be known before more is read of it. */
  #askAnew(): void {
    this.#isAskedAnew = true;
    void this.#consumer?.close();
  }

  #take({ partition, records, nextOffset, endOffset }: KafkaBatch): void {
    this.#ends.set(partition, endOffset);
    this.#tellSkips(partition, records[0]?.timestampMs);
    const items = records.map((record) => ({
      next: record.offset + 1,
      content: contentOf(record, {
        partition,
        isOld: this.#catchUp.isOld(partition),
        process: this.#options.process,
      }),
    }));
    this.#readAhead.add({ partition, next: nextOffset, identity: this.#identity, gap: null, items });
  }

  /** What was passed over just before: told once what follows it, or that nothing does, says how late it can have been. */
  #tellSkips(partition: number, firstAtMs: number | undefined): void {
    const nowMs = this.#options.clock.nowMs();
    const untilMs = Math.min(nowMs, firstAtMs ?? nowMs);
    for (const skip of this.#skips.splice(0)) {
      const { offset: from, nextOffset: next, damage } = skip;
      const readTo = this.#readTo(partition)?.next ?? 0;
      if (skip.partition !== partition || readTo < from) {
        this.#skips.push(skip);
        continue;
      }
      const gap = { partition, from, next, untilMs, damage };
      if (readTo === from) this.#readAhead.add({ partition, next, identity: this.#identity, gap, items: [] });
    }
  }

  #lookAgain(): void {
    this.#timer = this.#options.clock.after(LOOK_INTERVAL_MS, () => {
      void this.#look().finally(() => {
        if (!this.#isClosed) this.#lookAgain();
      });
    });
  }

  async #look(): Promise<void> {
    const consumer = this.#consumer;
    if (consumer !== null && this.#catchUp.partitions !== null && !this.#isClosed)
      try {
        for (const { partition, startOffset, endOffset } of await this.#ranges(consumer)) {
          this.#ends.set(partition, endOffset);
          const last = this.#skips.findLast((skip) => skip.partition === partition);
          // Nothing is left behind the gap that would tell of it.
          if (last !== undefined && Math.max(startOffset, last.nextOffset) >= endOffset)
            this.#tellSkips(partition, undefined);
        }
        this.#hasGoneOn ||= this.#isAtEnd;
        this.#reads();
      } catch (error) {
        this.#troubledRead(reasonOf(error));
      }
    this.#noteProgress();
    this.#wake();
  }

  async #ranges(consumer: KafkaConsumer): Promise<readonly KafkaRange[]> {
    const { clock } = this.#options;
    const askedAt = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    const ranges = await consumer.ranges();
    this.#lookedAt = askedAt;
    return ranges;
  }

  #noteProgress(): void {
    if (this.#catchUp.partitions === null || this.#isClosed) return;
    const { clock, log, topic, patienceMs } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const partition of this.#catchUp.look(nowMs, this.#skips.length > 0))
      log.error("a partition of the log gave nothing for too long; the others are read without it", {
        topic,
        partition,
        after: formatDuration(patienceMs),
      });
    this.#state = this.#catchUp.isOpen ? "up" : "catching_up";
    if (this.#isAtEnd) this.#writer.atEnd(nowMs);
  }

  get #isAtEnd(): boolean {
    return [...this.#ends.keys()].every((partition) => this.#lagOf(partition) === 0);
  }

  #troubledRead(reason: string): void {
    if (this.#isClosed) return;
    this.#readTrouble = reason;
    this.#troubleAtMs = this.#options.clock.monotonicMs();
    this.#hasGoneOn = false;
  }

  /** Trouble that comes again in a moment is not over, though other partitions are read, and the broker answers. */
  #reads(): void {
    const isTroubled = this.#options.clock.monotonicMs() - this.#troubleAtMs < TROUBLE_MS;
    if (this.#hasGoneOn && !isTroubled) this.#readTrouble = "";
  }

  /** Before it tries again. */
  async #pause(): Promise<void> {
    const pause = Promise.withResolvers<void>();
    this.#endPause = pause.resolve;
    this.#options.clock.after(RETRY_MS, pause.resolve);
    await pause.promise;
  }
}

function partitionsOf(partitions: readonly number[]): string {
  return `partition${partitions.length > 1 ? "s" : ""} ${partitions.join(", ")}`;
}

/** Its bytes are its own: it may wait, and would keep all that it was fetched with. */
function ownedSkip(skip: KafkaSkip): KafkaSkip {
  const { damage } = skip;
  return damage === undefined
    ? skip
    : { ...skip, damage: { ...damage, bytes: new Uint8Array(damage.bytes) } };
}

function contentOf(
  { offset, timestampMs: atMs, value, headers }: KafkaRecord,
  reader: { readonly partition: number; readonly isOld: boolean; readonly process: string },
): ReadItem["content"] {
  const { partition, isOld, process } = reader;
  const payload = value ?? new Uint8Array();
  const origin = readUplinkHeaders(headers);
  if (origin === undefined) return { partition, offset, atMs, payload };
  const { type: topic, agent, site, session } = origin;
  const [writtenBy, connection = null] = session?.split("/", 2) ?? [];
  return {
    agent,
    site,
    topic,
    payload,
    envelope: openEnvelope(topic, payload),
    atMs,
    connection: writtenBy === process ? connection : null,
    writer: session === null ? "agent" : "central",
    isOld,
  };
}
