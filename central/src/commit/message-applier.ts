import type { Frontier, Labels, Lane, PaneRows } from "@millrace/stream";
import { LANES, pickRows, readingCountOfRow } from "@millrace/stream";
import { encodeMessage, WIRE_VERSIONS_READ } from "@millrace/wire";
import type { EvidencePart, Heartbeat, Hello, SealedBatch } from "@millrace/wire";
import type { LogEntry } from "../log/uplink-log.ts";
import type { SystemAlarm } from "../alarms/alarm-book.ts";
import { noteLateMetric } from "../ledger/note-late-metric.ts";
import { timeText } from "../ledger/time-text.ts";
import { NOBODY } from "../ledger/central-ledger.ts";
import type { RejectReason } from "../ledger/central-ledger.ts";
import type { CentralState } from "../state/central-state.ts";
import type { Deduplication } from "../deduplication/deduplication.ts";
import type { BatchBody, OpenedMessage } from "../log/opened-message.ts";
import type { NotedReason } from "../ledger/quarantine-entry.ts";
import type { Session } from "../sessions/session.ts";
import type { SessionTable } from "../sessions/session-table.ts";

/** What is read so long after it was written says nothing of whether its agent is heard now. */
const HEARD_AGE_MS_MAX = 3_000;

/**
 * A range that was given up ends no further above what the lane was known to hold: all of it was appended before, and
 * central would take whatever came in it for a duplicate. Far more than an agent appends while nothing is acknowledged.
 */
export const SKIPPED_AHEAD_MAX = 1_000_000;

/** Panes that begin further ahead are refused: their windows would stay in memory until their time comes. */
export const FUTURE_MS_MAX = 3_600_000;

/** What is said once the commit has made it true. */
export interface AfterCommit {
  readonly acks: Map<Session, Set<Lane>>;
  readonly sends: (() => void)[];
}

export interface Moment {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

export interface MessageApplierOptions {
  readonly state: CentralState;
  readonly sessions: SessionTable;
  /** Enrolled agents and their sites. */
  readonly sites: ReadonlyMap<string, string>;
  /** What is applied has been let in once, and may be of long ago. */
  readonly isLogApart: boolean;
}

/** A session, or an entry of the log. */
interface Sender {
  readonly agent: string;
  readonly site: string;
}

/** Applies what agents say to central's state in memory; what it answers waits for the commit. */
export class MessageApplier {
  readonly #state: CentralState;
  readonly #sessions: SessionTable;
  readonly #sites: ReadonlyMap<string, string>;
  readonly #isLogApart: boolean;
  /** By agent, what was last said of readings that were refused. */
  readonly #refusalsTold = new Map<string, string>();
  /** By agent, the last hello that was compared with what is held. */
  readonly #lastHellos = new Map<string, Uint8Array>();
  /** Lists of series that are all of this site. */
  readonly #ownSeries = new WeakMap<readonly Labels[], string>();

  constructor(options: MessageApplierOptions) {
    this.#state = options.state;
    this.#sessions = options.sessions;
    this.#sites = options.sites;
    this.#isLogApart = options.isLogApart;
  }

  apply(entry: LogEntry, message: OpenedMessage, moment: Moment, after: AfterCommit): void {
    if (!this.#isItsOwn(entry)) return;
    switch (message.kind) {
      case "rejected":
        return this.#reject(entry, message.reason, message.detail);
      case "hello":
        if (entry.writer === "agent") return this.#follow(entry, message.hello, moment);
        return this.#greet(entry, message.hello, moment, after);
      case "heartbeat":
        return this.#applyReadHeartbeat(entry, message.heartbeat, moment);
      case "batch":
        return this.#applyBatch(entry, message.batch, message.body, moment, after);
    }
  }

  /** Takes up the latest heartbeat of a session. */
  applyHeartbeat(session: Session, moment: Moment): void {
    const { heartbeat, agent } = session;
    session.heartbeat = null;
    if (heartbeat === null || session.state !== "open") return;
    this.#heard(session, moment);
    this.#state.agents.beat(agent, heartbeat, moment.nowMs);
    this.#lookAtDisk(session, heartbeat, moment);
    this.#state.trustedTime.heard(agent, heartbeat.sentAtMs, moment.monotonicMs);
    this.#offer(agent, heartbeat.frontier, this.#marks(session.storeId));
  }

  /** The session is over: its agent has one connection less. */
  uncount(session: Session): void {
    if (!session.isCounted) return;
    session.isCounted = false;
    this.#state.agents.closed(session.agent);
  }

  /** Whoever writes to the log itself was asked by nobody who it is: it must at least call itself by an enrolled name. */
  #isItsOwn({ agent, site, writer, topic, payload, atMs }: LogEntry): boolean {
    if (writer === "central" || this.#sites.get(agent) === site) return true;
    const detail = `no agent ${agent} is enrolled at site ${site}`;
    this.#state.reject({ agent: NOBODY, topic, payload, atMs, reason: "unknown_agent", detail });
    return false;
  }

  #reject({ agent, topic, payload, atMs }: LogEntry, reason: RejectReason, detail: string): void {
    this.#state.reject({ agent, topic, payload, atMs, reason, detail });
  }

  /** An agent tells what is free only while that is too little. */
  #lookAtDisk({ agent, site }: Sender, { status }: Heartbeat, moment: Moment): void {
    if (status === undefined) return;
    const { alarms } = this.#state;
    const freeBytes = status["diskFreeBytes"];
    const isLow = typeof freeBytes === "number" && freeBytes >= 0;
    if (isLow === alarms.isRaised(agent, "disk_low")) return;
    if (isLow) {
      const message = `the disk of agent ${agent} is low, ${Math.round(freeBytes / 2 ** 20)} MiB are free: its outbox takes no more, and an outage will cost it detail, then readings`;
      this.#raise(agent, "disk_low", message, freeBytes, moment);
      return;
    }
    const message = `the disk of agent ${agent} has room again`;
    alarms.clear({ agent, site, kind: "disk_low", message, value: 0, nowMs: moment.nowMs });
  }

  /** A hello that was let in: compares marks, and answers where its connection still waits. */
  #greet(entry: LogEntry, hello: Hello, moment: Moment, after: AfterCommit): void {
    const { agent, site } = entry;
    const { agents, alarms, engine, stores, trustedTime } = this.#state;
    const session = this.#greeting(entry, hello);
    // What a log holds twice came once: compared with what has come since, its store would seem to be rolled back.
    if (session === null && isSame(this.#lastHellos.get(agent), entry.payload)) return;
    // Its own bytes: it would keep all that it was fetched with.
    this.#lastHellos.set(agent, new Uint8Array(entry.payload));
    if (session === null) {
      this.#helloSaid(entry, hello, moment);
      this.#belonged(entry, moment);
    } else {
      trustedTime.heard(agent, hello.clockMs, moment.monotonicMs);
      const trustedMs = trustedTime.nowMs(moment);
      agents.correctEnrolments(trustedMs, moment.monotonicMs);
      agents.enrol(agent, site, trustedMs, moment.monotonicMs);
      engine.setMembership(agents.membership);
    }
    const { epoch, epochFrom, marks, findings } = stores.register(agent, hello, moment.nowMs);
    for (const finding of findings)
      this.#raise(agent, finding.kind, finding.message, finding.sequenceCount, moment);
    const storeBefore = agents.storeOf(agent);
    const isOther = storeBefore !== hello.storeId;
    if (isOther) alarms.closeOtherStores({ agent, storeId: hello.storeId, nowMs: moment.nowMs });
    if (findings.length > 0 || (storeBefore !== "" && isOther)) this.#loseInDoubt(agent, moment);
    agents.uses(agent, hello.storeId);
    if (session !== null) {
      session.state = "open";
      for (const lane of LANES) session.nexts[lane] = hello.lanes[lane].next;
      session.isCounted = true;
      agents.opened(agent);
      agents.greeted(agent, hello.clockMs - moment.nowMs);
    }
    this.#heardIn(entry, moment);
    if (agents.advance(agent, marks)) this.#showFrontier(agent);
    const wireVersion = WIRE_VERSIONS_READ.find((version) => hello.wireVersions.includes(version));
    if (session === null || wireVersion === undefined) return;
    const welcome = encodeMessage({
      type: "welcome",
      epoch,
      epochFrom,
      wireVersion,
      marks,
      clockMs: moment.nowMs,
      keepsStatus: true,
    });
    after.sends.push(() => {
      if (session.state === "open") session.connection.send("welcome", welcome);
    });
  }

  /** A hello of an agent that writes to the log itself: it has been answered already. */
  #follow(entry: LogEntry, hello: Hello, moment: Moment): void {
    const { agent, site } = entry;
    const { agents, alarms, stores } = this.#state;
    if (hello.agent !== agent || hello.site !== site) {
      const detail = `agent ${agent} of site ${site} wrote the hello of agent ${hello.agent} of ${hello.site}`;
      return this.#reject(entry, "malformed_hello", detail);
    }
    this.#helloSaid(entry, hello, moment);
    this.#belonged(entry, moment);
    const gone = stores.follow(agent, hello, moment.nowMs);
    const storeBefore = agents.storeOf(agent);
    const isReplaced = storeBefore !== "" && storeBefore !== hello.storeId;
    if (gone > 0) this.#raiseGap(agent, hello.storeId, gone, moment);
    if (isReplaced) {
      const message = `agent ${agent} came with a new store ${hello.storeId}; before it held ${storeBefore}`;
      this.#raise(agent, "store_replaced", message, 0, moment);
      alarms.closeOtherStores({ agent, storeId: hello.storeId, nowMs: moment.nowMs });
    }
    if (gone > 0 || isReplaced) this.#loseInDoubt(agent, moment);
    agents.uses(agent, hello.storeId);
    agents.greeted(agent, null);
    this.#heardIn(entry, moment);
    if (agents.advance(agent, this.#marks(hello.storeId))) this.#showFrontier(agent);
  }

  /** The connection that waits for the answer to this hello. */
  #greeting({ connection }: LogEntry, hello: Hello): Session | null {
    const session = connection === null ? undefined : this.#sessions.byId(connection);
    const isWaiting = session?.state === "greeting" && session.instance === hello.instance;
    return isWaiting ? session : null;
  }

  /** What is read of long ago, or of an agent that is not connected here, shows that it belonged then. */
  #belonged({ agent, site, atMs }: LogEntry, { nowMs }: Moment): void {
    const { agents, engine } = this.#state;
    if (this.#sites.get(agent) !== site) return;
    if (agents.wasThere(agent, site, Math.min(atMs, nowMs))) engine.setMembership(agents.membership);
  }

  /** A hello that is read tells how late it was at least. */
  #helloSaid({ agent, site }: LogEntry, { clockMs }: Hello, { nowMs, monotonicMs }: Moment): void {
    if (this.#sites.get(agent) === site)
      this.#state.trustedTime.recordsSaid(Math.min(clockMs, nowMs) - monotonicMs);
  }

  #loseInDoubt(agent: string, moment: Moment): void {
    const trustedMs = this.#state.trustedTime.nowMs(moment);
    for (const range of this.#state.agents.inDoubt(agent, trustedMs)) this.#state.lose(agent, range);
  }

  /** A heartbeat that stands in the log. */
  #applyReadHeartbeat(entry: LogEntry, heartbeat: Heartbeat, moment: Moment): void {
    const { agent } = entry;
    const { agents, trustedTime } = this.#state;
    trustedTime.recordsSaid(Math.min(heartbeat.sentAtMs, moment.nowMs) - moment.monotonicMs);
    this.#heardIn(entry, moment);
    agents.beat(agent, heartbeat, null);
    this.#lookAtDisk(entry, heartbeat, moment);
    this.#offer(agent, heartbeat.frontier, this.#marks(agents.storeOf(agent)));
  }

  #applyBatch(
    entry: LogEntry,
    batch: SealedBatch,
    body: BatchBody,
    moment: Moment,
    after: AfterCommit,
  ): void {
    const { agent } = entry;
    const { agents, ledger, stores } = this.#state;
    this.#heardIn(entry, moment);
    const held = this.#heldOf(entry, batch, moment);
    if (held === null) return;
    const verdict = held.verdict(batch.epoch, batch.lane, batch.sequence);
    if (verdict === "unknown_epoch") {
      const detail = `the session's hello named no epoch ${batch.epoch} in lane ${batch.lane}`;
      return this.#reject(entry, "unknown_epoch", detail);
    }
    if (verdict === "beyond") {
      ledger.add(agent, { beyond: 1 });
      return;
    }
    if (body.kind === "skipped") {
      const { to } = body.skipped;
      const next = Math.max(this.#nextOf(entry, batch), held.mark(batch.lane));
      if (to > next + SKIPPED_AHEAD_MAX) {
        const detail = `it gives up batches to ${to} of lane ${batch.lane}, which was at ${next}`;
        return this.#reject(entry, "malformed_batch", detail);
      }
    }
    if (verdict === "duplicate") {
      ledger.add(agent, { duplicates: 1 });
    } else {
      held.hold(batch.epoch, batch.lane, batch.sequence);
      ledger.add(agent, { batches: 1 });
      this.#applyBody(entry, batch, body, moment);
    }
    // A range that was given up may begin with a sequence that had come before it was: the rest is moved over all the same.
    if (body.kind === "skipped") this.#applySkipped(entry, batch, body, verdict === "new", moment);
    stores.touch(batch.storeId);
    for (const session of this.#sessions.open(agent, batch.storeId)) {
      const lanes = after.acks.get(session);
      if (lanes === undefined) after.acks.set(session, new Set([batch.lane]));
      else lanes.add(batch.lane);
    }
    if (agents.storeOf(agent) === "") agents.uses(agent, batch.storeId);
    if (agents.storeOf(agent) !== batch.storeId) return;
    const marks = marksOf(held);
    const hasAdvanced = agents.advance(agent, marks);
    if (hasAdvanced) this.#showFrontier(agent);
    if (body.kind === "panes") this.#offer(agent, body.panes.frontier, marks);
  }

  /**
   * What is held of the batch's store. What a log holds that outlives the state was taken once: where the state knows
   * nothing of its store or epoch, or where there is a gap before it, what told of them is gone from the log, or no hello
   * had to. Null where it is not to be taken.
   */
  #heldOf(entry: LogEntry, batch: SealedBatch, moment: Moment): Deduplication | null {
    const { agent, writer } = entry;
    const { storeId, epoch, lane, sequence } = batch;
    const { stores } = this.#state;
    const known = stores.held(storeId);
    if (!this.#isLogApart) return known ?? null;
    if (writer === "agent" && known !== undefined && stores.agentOf(storeId) !== agent) {
      const detail = `the batch is of store ${storeId}, which is another agent's`;
      this.#reject(entry, "foreign_store", detail);
      return null;
    }
    this.#state.trustedTime.recordsSaid(Math.min(batch.sealedAtMs, moment.nowMs) - moment.monotonicMs);
    const held = stores.adopt(storeId, { agent, epoch, nowMs: moment.nowMs });
    held.adopt(epoch, lane, sequence);
    // An agent that writes itself does so in order: what is not before a batch does not come behind it.
    const isGap = writer === "agent" || held.verdict(epoch, lane, sequence) === "beyond";
    const gone = isGap ? held.moveOver(lane, held.mark(lane) + 1, sequence - 1) : 0;
    if (gone > 0) {
      this.#raiseGap(agent, storeId, gone, moment);
      this.#loseInDoubt(agent, moment);
    }
    return held;
  }

  #raiseGap(agent: string, storeId: string, gone: number, moment: Moment): void {
    const message = `${gone} batches of store ${storeId} are not in the log, and the agent does not hold them any more`;
    this.#raise(agent, "sequence_gap", message, gone, moment);
  }

  /** Where the lane was when its connection began; of what is read of long ago nobody knows. */
  #nextOf({ connection }: LogEntry, { lane, sequence }: SealedBatch): number {
    const session = connection === null ? undefined : this.#sessions.byId(connection);
    return session?.nexts[lane] ?? sequence;
  }

  #applyBody(entry: LogEntry, batch: SealedBatch, body: BatchBody, moment: Moment): void {
    const { agent, site } = entry;
    const { alarms, ledger } = this.#state;
    switch (body.kind) {
      case "panes":
        for (const rows of body.panes.sections) this.#applyRows(entry, rows, moment);
        return;
      case "alarms":
        for (const event of body.events) {
          const { storeId, epoch } = batch;
          // Not when it arrived: sessions take turns, and the marks of sinks go by times that rise with the commits.
          alarms.take(event, { agent, site, storeId, epoch, nowMs: moment.nowMs });
        }
        return;
      case "evidence":
        return this.#applyEvidence(entry, body.part);
      case "unreadable":
        this.#reject(entry, "malformed_body", body.detail);
        ledger.add(agent, { received: batch.readingCount, unreadable: batch.readingCount });
        if (batch.kind === "evidence") ledger.add(agent, { evidencePartsRefused: 1 });
        // A part of evidence covers event time, and holds none of the readings of it.
        if (batch.lane !== "evidence") this.#state.lose(agent, batch);
        return;
      case "skipped":
        return;
    }
  }

  #applyEvidence(entry: LogEntry, part: EvidencePart): void {
    const { agent, site, atMs } = entry;
    const { evidence, ledger } = this.#state;
    const { id, labels } = part.manifest;
    if ((labels["site"] ?? site) !== site) {
      this.#note(entry, "foreign_site", `evidence ${id} carries another site than ${site}`);
      ledger.add(agent, { evidencePartsRefused: 1 });
      return;
    }
    const verdict = evidence.take(part, { agent, site, nowMs: atMs });
    if (verdict === "taken") ledger.add(agent, { evidenceParts: 1 });
    if (verdict === "duplicate") ledger.add(agent, { evidencePartsDuplicate: 1 });
    if (verdict !== "conflict") return;
    this.#reject(entry, "malformed_body", `another piece of evidence goes by the id ${id}`);
    ledger.add(agent, { evidencePartsRefused: 1 });
  }

  #applyRows(entry: LogEntry, rows: PaneRows, moment: Moment): void {
    const { agent, site } = entry;
    const { engine, ledger, trustedTime, late } = this.#state;
    const latestMs = trustedTime.latestOf(agent, moment) + FUTURE_MS_MAX;
    const { own, ofRecords, foreignSite, future } = this.#sort(rows, site, latestMs);
    // Before its first readings are in a window: that one expects it.
    this.#state.wasThere(agent, site, earliestMs(own));
    this.#state.coarsen(agent, engine.coarseOf(own));
    const outcome = engine.apply(own, moment.nowMs);
    const { merged, tooLate, tooLateFromMs } = outcome;
    const unwindowed = outcome.unwindowed + ofRecords;
    late.note(agent, outcome.late, moment.nowMs);
    const received = merged + tooLate + unwindowed + future + foreignSite;
    const partlyRead = rows.unread === undefined ? 0 : received;
    ledger.add(agent, { received, merged, tooLate, unwindowed, future, foreignSite, partlyRead });
    if (tooLateFromMs !== null) {
      ledger.tooLateOf(agent, rows.metric, tooLate);
      const detail = `${tooLate} readings of metric ${rows.metric}, from the pane at ${timeText(tooLateFromMs)} on, came after the lateness of every window`;
      this.#note(entry, "too_late", detail);
    }
    const keptToMs =
      tooLateFromMs === null ? null : engine.keptToMsOf({ metric: rows.metric }, tooLateFromMs);
    const run = this.#state.lateRuns.note(agent, { taken: merged, tooLate, keptToMs }, moment.monotonicMs);
    if (run !== null) this.#raiseRefused(agent, { message: run.message, readings: run.count, moment });
    const { metric } = rows;
    noteLateMetric(this.#state, { ...outcome, source: agent, site, metric, isOfAll: run !== null }, moment);
    if (future > 0) {
      const detail = `${future} readings of metric ${rows.metric} are in panes that begin after ${timeText(latestMs)}, more than ${FUTURE_MS_MAX} ms ahead of the clock`;
      this.#note(entry, "future", detail);
      const message = `agent ${agent} sends readings more than ${FUTURE_MS_MAX / 60_000} min ahead of the clock; they are in no window`;
      this.#raiseRefused(agent, { message, readings: future, moment });
    }
    if (foreignSite > 0) {
      const detail = `${foreignSite} readings of metric ${rows.metric} carry another site than ${site}`;
      this.#note(entry, "foreign_site", detail);
      const message = `agent ${agent} sends readings under another site than its own, ${site}; they are in no window`;
      this.#raiseRefused(agent, { message, readings: foreignSite, moment });
    }
  }

  /** The rows that an agent of this site may add, and how many readings are in the others, by reason. */
  #sort(rows: PaneRows, site: string, latestMs: number): SortedRows {
    // An agent with an older pipeline: what is made of records now is no agent's to add to.
    const isOfRecords = this.#state.isOfRecords(rows.metric);
    const isOwn = (labels: Labels): boolean => (labels["site"] ?? site) === site;
    const counts = { ofRecords: 0, foreignSite: 0, future: 0 };
    if (!isOfRecords && this.#areOwn(rows.series, site, isOwn) && !startsAfter(rows, latestMs))
      return { own: rows, ...counts };
    const isForeign = rows.series.map((labels) => !isOwn(labels));
    const taken: number[] = [];
    for (let row = 0; row < rows.rowCount; row++) {
      const readings = readingCountOfRow(rows.layout, rows.state, row * rows.layout.stride);
      if (isOfRecords) counts.ofRecords += readings;
      else if (isForeign[rows.seriesIndex[row]]) counts.foreignSite += readings;
      else if (rows.startMs[row] > latestMs) counts.future += readings;
      else taken.push(row);
    }
    return { own: pickRows(rows, taken), ...counts };
  }

  /** Whether all are; the same list, as a writer's next batch has it, is looked at once. */
  #areOwn(series: readonly Labels[], site: string, isOwn: (labels: Labels) => boolean): boolean {
    if (this.#ownSeries.get(series) === site) return true;
    if (!series.every(isOwn)) return false;
    this.#ownSeries.set(series, site);
    return true;
  }

  #note({ agent, atMs, topic, payload }: LogEntry, reason: NotedReason, detail: string): void {
    this.#state.quarantine.keep({ atMs, agent, topic, reason, detail, payload });
  }

  /** Raises an alarm unless the one that is active says the same. */
  #raiseRefused(
    agent: string,
    refused: { readonly message: string; readonly readings: number; readonly moment: Moment },
  ): void {
    const { message, readings, moment } = refused;
    if (this.#state.alarms.isRaised(agent, "data_loss") && this.#refusalsTold.get(agent) === message) return;
    this.#refusalsTold.set(agent, message);
    this.#raise(agent, "data_loss", message, readings, moment);
  }

  #applySkipped(
    { agent, site }: LogEntry,
    batch: SealedBatch,
    body: BatchBody & { kind: "skipped" },
    isNew: boolean,
    moment: Moment,
  ): void {
    const { from, to, readings, reason } = body.skipped;
    const moved = this.#state.stores.held(batch.storeId)?.moveOver(batch.lane, from, to) ?? 0;
    if (moved === 0 && !isNew) return;
    // What these sequences held has come, or will, in a batch before them.
    if (reason === "coarsened") return;
    this.#state.ledger.add(agent, { skipped: readings });
    if (batch.lane !== "evidence") {
      // What damage has taken may be of any time.
      if (reason === "evicted" && readings > 0) this.#state.wasThere(agent, site, batch.startMs);
      this.#state.lose(agent, batch);
    }
    const message = `agent ${agent} gave up batches ${from}–${to} of lane ${batch.lane}, ${readings} readings: ${reason}`;
    this.#raise(agent, "data_loss", message, readings, moment);
  }

  /** What is read long after it was written is no sign of life. */
  #heardIn(entry: LogEntry, moment: Moment): void {
    // The hello before it may be gone from the log.
    if (this.#state.memberSearch.isOn) this.#belonged(entry, moment);
    if (entry.writer === "agent") this.#state.agents.writesItself(entry.agent);
    if (entry.isOld && moment.nowMs - entry.atMs > HEARD_AGE_MS_MAX)
      this.#state.agents.wasHeard(entry.agent, entry.atMs);
    else this.#heard(entry, moment);
  }

  #heard({ agent, site }: Sender, moment: Moment): void {
    this.#state.agents.heard(agent, moment.nowMs, moment.monotonicMs);
    if (!this.#state.alarms.isRaised(agent, "agent_silent")) return;
    const message = `agent ${agent} is heard again`;
    this.#state.alarms.clear({ agent, site, kind: "agent_silent", message, value: 0, nowMs: moment.nowMs });
  }

  #raise(agent: string, kind: SystemAlarm, message: string, value: number, moment: Moment): void {
    const site = this.#sites.get(agent) ?? "";
    this.#state.alarms.raise({ agent, site, kind, message, value, nowMs: moment.nowMs });
  }

  #offer(agent: string, frontier: Frontier, marks: Readonly<Record<Lane, number>>): void {
    if (this.#state.agents.offer(agent, frontier, marks)) this.#showFrontier(agent);
  }

  #marks(storeId: string): Readonly<Record<Lane, number>> {
    return marksOf(this.#state.stores.held(storeId));
  }

  #showFrontier(agent: string): void {
    const frontier = this.#state.agents.frontier(agent);
    if (frontier === null) return;
    // They ascend.
    const pendingFromMs = frontier.pending[0]?.startMs;
    if (pendingFromMs !== undefined)
      this.#state.wasThere(agent, this.#state.agents.siteOf(agent), pendingFromMs);
    this.#state.engine.setFrontier(agent, frontier);
  }
}

interface SortedRows {
  readonly own: PaneRows;
  readonly ofRecords: number;
  readonly foreignSite: number;
  readonly future: number;
}

function marksOf(held: Deduplication | undefined): Readonly<Record<Lane, number>> {
  const marks = { alarm: 0, live: 0, backfill: 0, evidence: 0 };
  if (held !== undefined) for (const lane of LANES) marks[lane] = held.mark(lane);
  return marks;
}

function isSame(before: Uint8Array | undefined, bytes: Uint8Array): boolean {
  return before !== undefined && Buffer.compare(before, bytes) === 0;
}

function earliestMs({ startMs, rowCount }: PaneRows): number {
  let fromMs = Infinity;
  for (let row = 0; row < rowCount; row++) fromMs = Math.min(fromMs, startMs[row]);
  return fromMs;
}

function startsAfter({ startMs, rowCount }: PaneRows, timeMs: number): boolean {
  for (let row = 0; row < rowCount; row++) if (startMs[row] > timeMs) return true;
  return false;
}
