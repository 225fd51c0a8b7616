import type { Labels, Lane, PaneRows } from "@millrace/stream";
import { LANES, pickRows, readingCountOfRow } from "@millrace/stream";
import { encodeMessage, WIRE_VERSIONS_READ } from "@millrace/wire";
import type { EvidencePart, Hello, Refusal, SealedBatch } from "@millrace/wire";
import type { SystemAlarm } from "./alarm-book.ts";
import type { RejectReason } from "./central-ledger.ts";
import type { CentralState } from "./central-state.ts";
import type { BatchBody, OpenedMessage } from "./opened-message.ts";
import type { NotedReason } from "./quarantine.ts";
import type { InboxItem, Session } from "./session.ts";
import { HOLDER_ALIVE_MS } from "./session-table.ts";
import type { SessionTable } from "./session-table.ts";

/** A refused agent may ask again after this. */
const REFUSAL_RETRY_MS = 5_000;

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
}

/** Applies what agents say to central's state in memory; what it answers waits for the commit. */
export class MessageApplier {
  readonly #state: CentralState;
  readonly #sessions: SessionTable;
  readonly #sites: ReadonlyMap<string, string>;
  /** By agent, what was last said of readings that were refused. */
  readonly #refusalsTold = new Map<string, string>();

  constructor(options: MessageApplierOptions) {
    this.#state = options.state;
    this.#sessions = options.sessions;
    this.#sites = options.sites;
  }

  apply(item: InboxItem, message: OpenedMessage, moment: Moment, after: AfterCommit): void {
    const { session } = item;
    if (session.state === "replaced") return;
    switch (message.kind) {
      case "rejected":
        this.reject(item, message.reason, message.detail);
        if (message.reason === "malformed_hello")
          this.#refuse(session, "malformed_hello", message.detail, after);
        return;
      case "hello":
        this.#applyHello(session, message.hello, moment, after);
        return;
      case "batch":
        this.#applyBatch(item, message.batch, message.body, moment, after);
    }
  }

  /** Takes up the latest heartbeat of a session. */
  applyHeartbeat(session: Session, moment: Moment): void {
    const { heartbeat, agent } = session;
    session.heartbeat = null;
    if (heartbeat === null || !session.isWelcomed || session.state === "replaced") return;
    this.#heard(session, moment);
    this.#state.agents.beat(agent, heartbeat, moment.nowMs);
    this.#lookAtDisk(session, heartbeat.status["diskFreeBytes"], moment);
    this.#state.trustedTime.heard(agent, heartbeat.sentAtMs, moment.monotonicMs);
    const marks = this.#marks(session);
    if (this.#state.agents.offer(agent, heartbeat.frontier, marks)) this.#showFrontier(agent);
  }

  /** An agent tells what is free only while that is too little. */
  #lookAtDisk(session: Session, freeBytes: unknown, moment: Moment): void {
    const { agent, site } = session;
    const { alarms } = this.#state;
    const isLow = typeof freeBytes === "number" && freeBytes >= 0;
    if (isLow === alarms.isRaised(agent, "disk_low")) return;
    if (isLow) {
      const message = `the disk of agent ${agent} is low, ${Math.round(freeBytes / 2 ** 20)} MiB are free: its outbox takes no more, and an outage will cost it detail, then readings`;
      this.#raise(session, "disk_low", message, freeBytes, moment);
      return;
    }
    const message = `the disk of agent ${agent} has room again`;
    alarms.clear({ agent, site, kind: "disk_low", message, value: 0, nowMs: moment.nowMs });
  }

  /** The session is over: its agent has one connection less. */
  uncount(session: Session): void {
    if (!session.isCounted) return;
    session.isCounted = false;
    this.#state.agents.closed(session.agent);
  }

  reject(item: InboxItem, reason: RejectReason, detail: string): void {
    const { agent } = item.session;
    this.#state.ledger.reject(agent, reason);
    this.#state.quarantine.keep({
      atMs: item.atMs,
      agent,
      topic: item.topic,
      reason,
      detail,
      payload: item.payload,
    });
  }

  #applyHello(session: Session, hello: Hello, moment: Moment, after: AfterCommit): void {
    const { agent } = session;
    if (session.state !== "awaiting_hello") return;
    const site = this.#sites.get(agent);
    if (site === undefined || hello.agent !== agent) {
      const reason = `agent ${hello.agent} is not enrolled under this identity (${agent})`;
      this.#refuse(session, "unknown_agent", reason, after);
      return;
    }
    if (hello.site !== site) {
      this.#refuse(
        session,
        "unknown_agent",
        `agent ${agent} is enrolled at site ${site}, not ${hello.site}`,
        after,
      );
      return;
    }
    const wireVersion = WIRE_VERSIONS_READ.find((version) => hello.wireVersions.includes(version));
    if (wireVersion === undefined) {
      const reason = `central reads wire versions ${WIRE_VERSIONS_READ.join(", ")}, the agent writes ${hello.wireVersions.join(", ")}`;
      this.#state.ledger.reject(agent, "wire_version");
      this.#refuse(session, "wire_version", reason, after);
      return;
    }
    for (const holder of this.#sessions.holders(agent, hello, session)) {
      const silentMs = moment.monotonicMs - holder.heardAtMs;
      if (holder.instance !== hello.instance && silentMs < HOLDER_ALIVE_MS) {
        const message = `a second process (${hello.instance}) came for store ${hello.storeId} of agent ${agent}; the first (${holder.instance}) is alive`;
        this.#raise(holder, "store_held", message, 1, moment);
        this.#refuse(session, "store_held", message, after);
        return;
      }
      holder.close("replaced", `replaced by a newer connection of agent ${agent}`);
      this.uncount(holder);
    }
    session.state = "open";
    session.site = site;
    session.storeId = hello.storeId;
    session.instance = hello.instance;
    for (const lane of LANES) session.nexts[lane] = hello.lanes[lane].next;
    this.#state.trustedTime.heard(agent, hello.clockMs, moment.monotonicMs);
    const trustedMs = this.#state.trustedTime.nowMs(moment);
    this.#state.agents.correctEnrolments(trustedMs, moment.monotonicMs);
    this.#state.agents.enrol(agent, site, trustedMs, moment.monotonicMs);
    this.#state.engine.setMembership(this.#state.agents.membership);
    const { epoch, epochFrom, marks, findings } = this.#state.stores.register(agent, hello, moment.nowMs);
    for (const finding of findings)
      this.#raise(session, finding.kind, finding.message, finding.sequenceCount, moment);
    const storeBefore = this.#state.agents.storeOf(agent);
    if (storeBefore !== hello.storeId)
      this.#state.alarms.closeOtherStores({ agent, storeId: hello.storeId, nowMs: moment.nowMs });
    if (findings.length > 0 || (storeBefore !== "" && storeBefore !== hello.storeId)) {
      for (const range of this.#state.agents.inDoubt(agent, trustedMs)) this.#state.lose(agent, range);
    }
    session.isCounted = true;
    this.#state.agents.opened(agent, hello, moment.nowMs, moment.monotonicMs);
    this.#heard(session, moment);
    if (this.#state.agents.advance(agent, marks)) this.#showFrontier(agent);
    const welcome = encodeMessage({
      type: "welcome",
      epoch,
      epochFrom,
      wireVersion,
      marks,
      clockMs: moment.nowMs,
    });
    after.sends.push(() => {
      if (session.state === "open") session.connection.send("welcome", welcome);
    });
  }

  #applyBatch(
    item: InboxItem,
    batch: SealedBatch,
    body: BatchBody,
    moment: Moment,
    after: AfterCommit,
  ): void {
    const { session } = item;
    const { agent } = session;
    const { ledger, stores } = this.#state;
    if (!session.isWelcomed) {
      this.reject(item, "no_session", "a batch before the hello was answered");
      return;
    }
    this.#heard(session, moment);
    const held = stores.held(session.storeId);
    if (held === undefined || batch.storeId !== session.storeId) {
      this.reject(
        item,
        "foreign_store",
        `the batch is of store ${batch.storeId}, the session of ${session.storeId}`,
      );
      return;
    }
    const verdict = held.verdict(batch.epoch, batch.lane, batch.sequence);
    if (verdict === "unknown_epoch") {
      this.reject(
        item,
        "unknown_epoch",
        `the session's hello named no epoch ${batch.epoch} in lane ${batch.lane}`,
      );
      return;
    }
    if (verdict === "beyond") {
      ledger.add(agent, { beyond: 1 });
      return;
    }
    if (body.kind === "skipped") {
      const { to } = body.skipped;
      const next = Math.max(session.nexts[batch.lane], held.mark(batch.lane));
      if (to > next + SKIPPED_AHEAD_MAX) {
        const detail = `it gives up batches to ${to} of lane ${batch.lane}, which was at ${next}`;
        this.reject(item, "malformed_batch", detail);
        return;
      }
    }
    if (verdict === "duplicate") {
      ledger.add(agent, { duplicates: 1 });
    } else {
      held.hold(batch.epoch, batch.lane, batch.sequence);
      ledger.add(agent, { batches: 1 });
      this.#applyBody(item, batch, body, moment);
    }
    // A range that was given up may begin with a sequence that had come before it was: the rest is moved over all the same.
    if (body.kind === "skipped") this.#applySkipped(session, batch, body, verdict === "new", moment);
    stores.touch(session.storeId);
    const lanes = after.acks.get(session) ?? new Set<Lane>();
    after.acks.set(session, lanes.add(batch.lane));
    const marks = this.#marks(session);
    const hasAdvanced = this.#state.agents.advance(agent, marks);
    const isOffered = body.kind === "panes" && this.#state.agents.offer(agent, body.panes.frontier, marks);
    if (hasAdvanced || isOffered) this.#showFrontier(agent);
  }

  #applyBody(item: InboxItem, batch: SealedBatch, body: BatchBody, moment: Moment): void {
    const { agent, site } = item.session;
    const { alarms, ledger } = this.#state;
    switch (body.kind) {
      case "panes":
        for (const rows of body.panes.sections) this.#applyRows(item, rows, moment);
        return;
      case "alarms":
        for (const event of body.events) {
          const { storeId, epoch } = batch;
          // Not when it arrived: sessions take turns, and the marks of sinks go by times that rise with the commits.
          alarms.take(event, { agent, site, storeId, epoch, nowMs: moment.nowMs });
        }
        return;
      case "evidence":
        return this.#applyEvidence(item, body.part);
      case "unreadable":
        this.reject(item, "malformed_body", body.detail);
        ledger.add(agent, { received: batch.readingCount, unreadable: batch.readingCount });
        if (batch.kind === "evidence") ledger.add(agent, { evidencePartsRefused: 1 });
        // A part of evidence covers event time, and holds none of the readings of it.
        if (batch.lane !== "evidence") this.#state.lose(agent, batch);
        return;
      case "skipped":
        return;
    }
  }

  #applyEvidence(item: InboxItem, part: EvidencePart): void {
    const { agent, site } = item.session;
    const { evidence, ledger } = this.#state;
    const { id, labels } = part.manifest;
    if ((labels["site"] ?? site) !== site) {
      this.#note(item, "foreign_site", `evidence ${id} carries another site than ${site}`);
      ledger.add(agent, { evidencePartsRefused: 1 });
      return;
    }
    const verdict = evidence.take(part, { agent, site, nowMs: item.atMs });
    if (verdict === "taken") ledger.add(agent, { evidenceParts: 1 });
    if (verdict === "duplicate") ledger.add(agent, { evidencePartsDuplicate: 1 });
    if (verdict !== "conflict") return;
    this.reject(item, "malformed_body", `another piece of evidence goes by the id ${id}`);
    ledger.add(agent, { evidencePartsRefused: 1 });
  }

  #applyRows(item: InboxItem, rows: PaneRows, moment: Moment): void {
    const { agent, site } = item.session;
    const { engine, ledger, trustedTime, late } = this.#state;
    const latestMs = trustedTime.latestOf(agent, moment) + FUTURE_MS_MAX;
    const { own, ofRecords, foreignSite, future } = this.#sort(rows, site, latestMs);
    this.#state.coarsen(agent, engine.coarseOf(own));
    const outcome = engine.apply(own, moment.nowMs);
    const { merged, tooLate, tooLateFromMs } = outcome;
    const unwindowed = outcome.unwindowed + ofRecords;
    late.note(agent, outcome.late, moment.nowMs);
    const received = merged + tooLate + unwindowed + future + foreignSite;
    const partlyRead = rows.unread === undefined ? 0 : received;
    ledger.add(agent, { received, merged, tooLate, unwindowed, future, foreignSite, partlyRead });
    if (tooLateFromMs !== null) {
      const detail = `${tooLate} readings of metric ${rows.metric}, from the pane at ${tooLateFromMs} ms on, came after the lateness of every window`;
      this.#note(item, "too_late", detail);
    }
    if (future > 0) {
      const detail = `${future} readings of metric ${rows.metric} are in panes more than ${FUTURE_MS_MAX} ms ahead of the clock`;
      this.#note(item, "future", detail);
      const message = `agent ${agent} sends readings more than ${FUTURE_MS_MAX / 60_000} min ahead of the clock; they are in no window`;
      this.#raiseRefused(item.session, { message, readings: future, moment });
    }
    if (foreignSite > 0) {
      const detail = `${foreignSite} readings of metric ${rows.metric} carry another site than ${site}`;
      this.#note(item, "foreign_site", detail);
      const message = `agent ${agent} sends readings under another site than its own, ${site}; they are in no window`;
      this.#raiseRefused(item.session, { message, readings: foreignSite, moment });
    }
  }

  /** The rows that an agent of this site may add, and how many readings are in the others, by reason. */
  #sort(rows: PaneRows, site: string, latestMs: number): SortedRows {
    // An agent with an older pipeline: what is made of records now is no agent's to add to.
    const isOfRecords = this.#state.isOfRecords(rows.metric);
    const isOwn = (labels: Labels): boolean => (labels["site"] ?? site) === site;
    const counts = { ofRecords: 0, foreignSite: 0, future: 0 };
    if (!isOfRecords && rows.series.every(isOwn) && !startsAfter(rows, latestMs))
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

  #note({ atMs, topic, payload, session }: InboxItem, reason: NotedReason, detail: string): void {
    this.#state.quarantine.keep({ atMs, agent: session.agent, topic, reason, detail, payload });
  }

  /** Raises an alarm unless the one that is active says the same. */
  #raiseRefused(
    session: Session,
    refused: { readonly message: string; readonly readings: number; readonly moment: Moment },
  ): void {
    const { agent } = session;
    const { message, readings, moment } = refused;
    if (this.#state.alarms.isRaised(agent, "data_loss") && this.#refusalsTold.get(agent) === message) return;
    this.#refusalsTold.set(agent, message);
    this.#raise(session, "data_loss", message, readings, moment);
  }

  #applySkipped(
    session: Session,
    batch: SealedBatch,
    body: BatchBody & { kind: "skipped" },
    isNew: boolean,
    moment: Moment,
  ): void {
    const { from, to, readings, reason } = body.skipped;
    const moved = this.#state.stores.held(session.storeId)?.moveOver(batch.lane, from, to) ?? 0;
    if (moved === 0 && !isNew) return;
    // What these sequences held has come, or will, in a batch before them.
    if (reason === "coarsened") return;
    this.#state.ledger.add(session.agent, { skipped: readings });
    if (batch.lane !== "evidence") this.#state.lose(session.agent, batch);
    const message = `agent ${session.agent} gave up batches ${from}–${to} of lane ${batch.lane}, ${readings} readings: ${reason}`;
    this.#raise(session, "data_loss", message, readings, moment);
  }

  #refuse(session: Session, code: Refusal["code"], reason: string, after: AfterCommit): void {
    const refusal = encodeMessage({
      type: "refusal",
      code,
      reason: reason.slice(0, 1_000),
      retryAfterMs: REFUSAL_RETRY_MS,
    });
    after.sends.push(() => {
      if (session.state !== "awaiting_hello") return;
      session.connection.send("welcome", refusal);
      session.close("closed", `refused: ${code}`);
    });
  }

  #heard(session: Session, moment: Moment): void {
    const { agent, site } = session;
    this.#state.agents.heard(agent, moment.nowMs, moment.monotonicMs);
    if (!this.#state.alarms.isRaised(agent, "agent_silent")) return;
    const message = `agent ${agent} is heard again`;
    this.#state.alarms.clear({ agent, site, kind: "agent_silent", message, value: 0, nowMs: moment.nowMs });
  }

  #raise(session: Session, kind: SystemAlarm, message: string, value: number, moment: Moment): void {
    const { agent } = session;
    const site = this.#sites.get(agent) ?? "";
    this.#state.alarms.raise({ agent, site, kind, message, value, nowMs: moment.nowMs });
  }

  #marks(session: Session): Record<Lane, number> {
    const held = this.#state.stores.held(session.storeId);
    const marks = { alarm: 0, live: 0, backfill: 0, evidence: 0 };
    for (const lane of LANES) marks[lane] = held?.mark(lane) ?? 0;
    return marks;
  }

  #showFrontier(agent: string): void {
    const frontier = this.#state.agents.frontier(agent);
    if (frontier !== null) this.#state.engine.setFrontier(agent, frontier);
  }
}

interface SortedRows {
  readonly own: PaneRows;
  readonly ofRecords: number;
  readonly foreignSite: number;
  readonly future: number;
}

function startsAfter({ startMs, rowCount }: PaneRows, timeMs: number): boolean {
  for (let row = 0; row < rowCount; row++) if (startMs[row] > timeMs) return true;
  return false;
}
