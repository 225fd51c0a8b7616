import type { Lane } from "@millrace/stream";
import { encodeMessage, WIRE_VERSIONS_READ } from "@millrace/wire";
import type { Hello, Refusal, SealedBatch } from "@millrace/wire";
import type { LogEntry } from "../log/uplink-log.ts";
import type { CentralState } from "../state/central-state.ts";
import type { AfterCommit, Moment } from "../commit/message-applier.ts";
import type { RejectReason } from "../ledger/central-ledger.ts";
import { openEnvelope } from "../log/opened-message.ts";
import type { InboxItem, Session } from "./session.ts";
import { HOLDER_ALIVE_MS } from "./session-table.ts";
import type { SessionTable } from "./session-table.ts";

/** A refused agent may ask again after this. */
const REFUSAL_RETRY_MS = 5_000;

export interface AdmissionOptions {
  readonly state: CentralState;
  readonly sessions: SessionTable;
  /** Enrolled agents and their sites. */
  readonly sites: ReadonlyMap<string, string>;
  /** What is let in goes to a log that outlives the state: nothing may enter it that the state would refuse. */
  readonly isLogApart: boolean;
}

/** What of the agents' messages enters the log: what depends on who is connected now is decided here, and nowhere else. */
export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Null where it is not let in: then it has been answered, counted, or will come again. */
  admit(item: InboxItem, moment: Moment, after: AfterCommit): LogEntry | null {
    const { session, topic, payload, atMs } = item;
    if (session.state === "replaced") return null;
    const envelope = openEnvelope(topic, payload);
    const isAdmitted =
      envelope.kind === "hello"
        ? this.#admitHello(session, envelope.hello, moment, after)
        : envelope.kind === "batch"
          ? this.#admitBatch(item, envelope.batch, after)
          : envelope.kind === "rejected" && this.#reject(item, envelope.reason, envelope.detail);
    if (envelope.kind === "rejected" && envelope.reason === "malformed_hello")
      this.#refuse(session, "malformed_hello", envelope.detail, after);
    if (!isAdmitted) return null;
    const { agent, site, connection } = session;
    const { settled } = item;
    return {
      agent,
      site,
      topic,
      payload,
      envelope,
      atMs,
      connection: connection.id,
      writer: "central",
      isOld: false,
      settled,
    };
  }

  #admitHello(session: Session, hello: Hello, moment: Moment, after: AfterCommit): boolean {
    const { agent } = session;
    const { sites, sessions, state } = this.#options;
    if (session.state !== "awaiting_hello") return false;
    const site = sites.get(agent);
    if (site === undefined || hello.agent !== agent) {
      const reason = `agent ${hello.agent} is not enrolled under this identity (${agent})`;
      return this.#refuse(session, "unknown_agent", reason, after);
    }
    if (hello.site !== site) {
      const reason = `agent ${agent} is enrolled at site ${site}, not ${hello.site}`;
      return this.#refuse(session, "unknown_agent", reason, after);
    }
    if (WIRE_VERSIONS_READ.every((version) => !hello.wireVersions.includes(version))) {
      const reason = `central reads wire versions ${WIRE_VERSIONS_READ.join(", ")}, the agent writes ${hello.wireVersions.join(", ")}`;
      state.ledger.reject(agent, "wire_version");
      return this.#refuse(session, "wire_version", reason, after);
    }
    for (const holder of sessions.holders(agent, hello, session)) {
      const silentMs = moment.monotonicMs - holder.heardAtMs;
      if (holder.instance !== hello.instance && silentMs < HOLDER_ALIVE_MS) {
        const message = `a second process (${hello.instance}) came for store ${hello.storeId} of agent ${agent}; the first (${holder.instance}) is alive`;
        const held = {
          agent: holder.agent,
          site: sites.get(holder.agent) ?? "",
          kind: "store_held",
        } as const;
        state.alarms.raise({ ...held, message, value: 1, nowMs: moment.nowMs });
        return this.#refuse(session, "store_held", message, after);
      }
      holder.close("replaced", `replaced by a newer connection of agent ${agent}`);
      if (holder.isCounted) state.agents.closed(holder.agent);
      holder.isCounted = false;
    }
    session.state = "greeting";
    session.site = site;
    sessions.greets(session, hello);
    return true;
  }

  #admitBatch(item: InboxItem, batch: SealedBatch, after: AfterCommit): boolean {
    const { isLogApart, state } = this.#options;
    const { session } = item;
    const { agent } = session;
    const isHeard = session.isGreeted && !(isLogApart && session.state === "greeting");
    if (!isHeard) return this.#reject(item, "no_session", "a batch before the hello was answered");
    if (batch.storeId !== session.storeId) {
      const detail = `the batch is of store ${batch.storeId}, the session of ${session.storeId}`;
      return this.#reject(item, "foreign_store", detail);
    }
    if (!isLogApart) return true;
    switch (state.stores.held(batch.storeId)?.verdict(batch.epoch, batch.lane, batch.sequence)) {
      case "new":
        return true;
      case "duplicate": {
        // Of a range that was given up, the first may be held and the rest not.
        if (batch.kind === "skipped") return true;
        // It need not go through the log again to be acknowledged.
        state.ledger.add(agent, { duplicates: 1 });
        const lanes = after.acks.get(session) ?? new Set<Lane>();
        after.acks.set(session, lanes.add(batch.lane));
        return false;
      }
      case "beyond":
        state.ledger.add(agent, { beyond: 1 });
        return false;
      default: {
        const detail = `the session's hello named no epoch ${batch.epoch} in lane ${batch.lane}`;
        return this.#reject(item, "unknown_epoch", detail);
      }
    }
  }

  #reject(item: InboxItem, reason: RejectReason, detail: string): false {
    const { session, topic, payload, atMs } = item;
    this.#options.state.reject({ agent: session.agent, topic, payload, atMs, reason, detail });
    return false;
  }

  #refuse(session: Session, code: Refusal["code"], reason: string, after: AfterCommit): false {
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
    return false;
  }
}
