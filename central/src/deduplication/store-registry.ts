import { LANES } from "@millrace/stream";
import type { Lane } from "@millrace/stream";
import type { Hello } from "@millrace/wire";
import { Deduplication } from "./deduplication.ts";
import { divergence } from "./divergence.ts";
import type { EpochRuns } from "./divergence.ts";
import type { LaneRecord } from "./deduplication.ts";

/** One agent outbox, as central remembers it. */
export interface StoreRecord {
  readonly storeId: string;
  readonly agent: string;
  /** The greatest epoch given to it, or told by it to a central that was restored. */
  readonly epoch: number;
  readonly firstSeenMs: number;
  /** The runs of the copy that each epoch belongs to, by ascending epoch, the greatest LINEAGES_MAX of them. */
  readonly lineages?: readonly EpochRuns[];
}

/** A store gets an epoch at each roll-back or clone found; of an older one, what copies share is no longer known. */
const LINEAGES_MAX = 16;

/** Something about a store that a person should know. */
export interface StoreFinding {
  readonly kind: "store_replaced" | "store_rolled_back" | "sequence_gap";
  readonly message: string;
  /** Sequences that can never come, for `sequence_gap`. */
  readonly sequenceCount: number;
}

export interface Registration {
  readonly epoch: number;
  /** Where a given epoch begins at the earliest; undefined where nothing is known to be shared with a copy. */
  readonly epochFrom: Readonly<Record<Lane, number>> | undefined;
  readonly marks: Record<Lane, number>;
  readonly findings: readonly StoreFinding[];
}

export interface StoreChanges {
  readonly stores: readonly StoreRecord[];
  readonly lanes: readonly (LaneRecord & { readonly storeId: string })[];
}

/**
 * Every outbox that central has met: who holds it, its epoch, and what of it is held here. Finds stores that were
 * replaced, rolled back or cloned, by comparing at hello what arrived with what the agent's disk says it has sent.
 */
export class StoreRegistry {
  readonly #stores = new Map<string, { record: StoreRecord; held: Deduplication }>();
  /** By agent, in the order in which they came. */
  readonly #storesOf = new Map<string, Set<string>>();
  /** Whose record, and with it lanes, have changed; of which only lanes have. */
  readonly #dirty = new Set<string>();
  readonly #dirtyLanes = new Set<string>();

  restore(records: Iterable<StoreRecord>, lanes: Iterable<LaneRecord & { readonly storeId: string }>): void {
    const byStore = Map.groupBy(lanes, (lane) => lane.storeId);
    for (const stored of records) {
      const record = { ...stored, lineages: stored.lineages?.map(withEvidence) ?? [] };
      this.#set(record, new Deduplication(byStore.get(record.storeId)));
    }
  }

  /** What central holds of a store; undefined before its first hello. */
  held(storeId: string): Deduplication | undefined {
    return this.#stores.get(storeId)?.held;
  }

  register(agent: string, hello: Hello, nowMs: number): Registration {
    const findings: StoreFinding[] = [];
    const known = this.#stores.get(hello.storeId);
    const held = known?.held ?? new Deduplication();
    let epoch = Math.max(hello.epoch, 1);
    let epochFrom: Readonly<Record<Lane, number>> | undefined;
    const lineages = known?.record.lineages ?? [];
    if (known === undefined) {
      const [before] = this.#storesOf.get(agent) ?? [];
      if (before !== undefined) {
        const message = `agent ${agent} came with a new store ${hello.storeId}; before it held ${before}`;
        findings.push({ kind: "store_replaced", message, sequenceCount: 0 });
      }
    } else {
      const isMoved = known.record.agent !== agent;
      // Epoch 0 stands for the first one that any central gave to this store: 1.
      const runs = lineages.find((lineage) => lineage.epoch === epoch)?.runs;
      const { theirs, shared } = divergence(runs ?? [], hello);
      const isForked = theirs !== undefined && held.hasFrom(epoch, theirs.from);
      const isBehind =
        hello.epoch < known.record.epoch || held.isAheadOf(hello.epoch, hello.lanes) || isForked;
      // An epoch that was granted but never used is granted again: the welcome was lost, nothing else happened.
      const isGrantOpen = hello.epoch < known.record.epoch && !held.isEpochUsed(known.record.epoch);
      if (isGrantOpen) {
        epoch = known.record.epoch;
        if (epoch > 1) epochFrom = shared;
      } else if (isBehind || isMoved) {
        epoch = Math.max(hello.epoch, known.record.epoch) + 1;
        epochFrom = shared;
        const message = isMoved
          ? `store ${hello.storeId} of agent ${known.record.agent} came as agent ${agent}: cloned or renamed; epoch ${epoch}`
          : `store ${hello.storeId} lacks what arrived from it: rolled back or cloned; epoch ${epoch}`;
        findings.push({ kind: "store_rolled_back", message, sequenceCount: 0 });
      }
    }
    const grant = epoch === hello.epoch ? undefined : { epochFrom };
    let gone = 0;
    for (const lane of LANES) gone += held.chain(lane, hello.lanes[lane], epoch, grant);
    if (gone > 0) {
      const message = `${gone} batches of store ${hello.storeId} were never received and are no longer held by the agent`;
      findings.push({ kind: "sequence_gap", message, sequenceCount: gone });
    }
    const record = {
      storeId: hello.storeId,
      agent,
      epoch,
      firstSeenMs: known?.record.firstSeenMs ?? nowMs,
      lineages: [
        ...lineages.filter((lineage) => lineage.epoch !== epoch),
        { epoch, runs: hello.runs ?? [] },
      ].slice(-LINEAGES_MAX),
    };
    this.#set(record, held);
    this.#dirty.add(hello.storeId);
    const marks = {
      alarm: held.mark("alarm"),
      live: held.mark("live"),
      backfill: held.mark("backfill"),
      evidence: held.mark("evidence"),
    };
    return { epoch, epochFrom, marks, findings };
  }

  /** The agent that came with this store last. */
  agentOf(storeId: string): string | undefined {
    return this.#stores.get(storeId)?.record.agent;
  }

  /** Takes up a store and an epoch that a log holds batches of, where no hello there has told of them. */
  adopt(
    storeId: string,
    { agent, epoch, nowMs }: { readonly agent: string; readonly epoch: number; readonly nowMs: number },
  ): Deduplication {
    const known = this.#stores.get(storeId);
    if (known !== undefined && known.record.epoch >= epoch) return known.held;
    const held = known?.held ?? new Deduplication();
    const record = known?.record ?? { storeId, agent, epoch, firstSeenMs: nowMs, lineages: [] };
    this.#set({ ...record, epoch }, held);
    this.#dirty.add(storeId);
    return held;
  }

  /**
   * Takes what a store tells that asks nobody: its epochs are its own affair, and nothing is compared. What it holds no more
   * came before this hello; how much of that did not is returned.
   */
  follow(agent: string, hello: Hello, nowMs: number): number {
    const known = this.#stores.get(hello.storeId);
    const held = known?.held ?? new Deduplication();
    let gone = 0;
    for (const lane of LANES) gone += held.chain(lane, hello.lanes[lane], hello.epoch, undefined);
    const record = {
      storeId: hello.storeId,
      agent,
      epoch: Math.max(hello.epoch, known?.record.epoch ?? 0),
      firstSeenMs: known?.record.firstSeenMs ?? nowMs,
      lineages: known?.record.lineages ?? [],
    };
    this.#set(record, held);
    this.#dirty.add(hello.storeId);
    return gone;
  }

  #set(record: StoreRecord, held: Deduplication): void {
    const { storeId, agent } = record;
    const agentBefore = this.#stores.get(storeId)?.record.agent;
    this.#stores.set(storeId, { record, held });
    if (agentBefore === agent) return;
    if (agentBefore !== undefined) this.#storesOf.get(agentBefore)?.delete(storeId);
    const stores = this.#storesOf.get(agent);
    if (stores === undefined) this.#storesOf.set(agent, new Set([storeId]));
    else stores.add(storeId);
  }

  /** Marks a store's lanes as changed, so that the next commit holds them. */
  touch(storeId: string): void {
    this.#dirtyLanes.add(storeId);
  }

  /** What changed since the last call, to be committed. */
  takeDirty(): StoreChanges {
    const stores: StoreRecord[] = [];
    const lanes: (LaneRecord & { readonly storeId: string })[] = [];
    for (const storeId of this.#dirty) {
      const store = this.#stores.get(storeId);
      if (store === undefined) continue;
      stores.push(store.record);
      this.#dirtyLanes.add(storeId);
    }
    for (const storeId of this.#dirtyLanes)
      for (const lane of this.#stores.get(storeId)?.held.takeDirty() ?? []) lanes.push({ ...lane, storeId });
    this.#dirty.clear();
    this.#dirtyLanes.clear();
    return { stores, lanes };
  }
}

/** What an older program stored says nothing of the lane of evidence. */
function withEvidence({ epoch, runs }: EpochRuns): EpochRuns {
  return { epoch, runs: runs.map(({ run, from }) => ({ run, from: { ...NO_EVIDENCE, ...from } })) };
}

const NO_EVIDENCE = { evidence: 1 };
