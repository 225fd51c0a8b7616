import type { Change } from "@millrace/queue";
import {
  EVIDENCE_BYTES_MAX,
  type EvidenceManifest,
  type EvidencePart,
  evidencePartCount,
} from "@millrace/wire";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import type { EvidenceView } from "./evidence-view.ts";
import { PartSet } from "./part-set.ts";
import { StoredJson } from "../store/stored-json.ts";

/** Pieces that central keeps, whatever their bytes: what is known of them is in memory. */
export const EVIDENCE_COUNT_MAX = 20_000;
/** Pieces that one tick gives up: their parts are deleted one by one. */
const EXPIRED_MAX = 16;

/** What became of a part. `conflict`: another piece goes by its id. */
export type PartVerdict = "taken" | "duplicate" | "conflict";

/** Why a piece was given up. Closed: the names are in metrics. */
export const EVIDENCE_FATES = ["unfinished", "damaged", "expired", "evicted"] as const;
export type EvidenceFate = (typeof EVIDENCE_FATES)[number];

export interface GoneEvidence {
  readonly view: EvidenceView;
  readonly fate: EvidenceFate;
}

/** As it is stored: `held` are its parts, as a PartSet writes them. */
export type EvidenceRecord = EvidenceView & { readonly held: string };

export const EVIDENCE = new StoredJson<EvidenceRecord>({
  id: "string",
  agent: "string",
  site: "string",
  kind: "string",
  name: "string",
  labels: { "*": "string" },
  startMs: "number",
  endMs: "number",
  contentType: "string",
  sha256: "string",
  bytes: "number",
  partBytes: "number",
  "alarm?": "string",
  state: "string",
  held: "string",
  firstAtMs: "number",
  changedAtMs: "number",
});

export interface EvidenceLimits {
  readonly bytesMax: number;
  /** How long a piece is kept. */
  readonly retainMs: number;
  /** How long after its latest part one is waited for. */
  readonly unfinishedMs: number;
}

interface Piece {
  view: EvidenceView;
  readonly held: PartSet;
}

/**
 * Puts evidence together from its parts, which come in any order and more than once. What it says is only true once its
 * changes are durable: they go into the commit that holds the marks of the batches which the parts came in.
 */
export class EvidenceBook {
  readonly #limits: EvidenceLimits;
  /** By id, the longest unchanged first. */
  readonly #pieces = new Map<string, Piece>();
  readonly #dirty = new Set<string>();
  #changes: Change[] = [];
  #bytes = 0;

  constructor(limits: EvidenceLimits) {
    this.#limits = limits;
  }

  restore(records: readonly EvidenceRecord[]): void {
    for (const { held, ...view } of records.toSorted((a, b) => a.changedAtMs - b.changedAtMs)) {
      const partCount = evidencePartCount(view);
      if (!(partCount <= EVIDENCE_BYTES_MAX)) continue;
      const parts = new PartSet(partCount, held);
      this.#pieces.set(view.id, {
        view: { ...view, parts: parts.size, partsHeld: parts.count },
        held: parts,
      });
      this.#bytes += bytesHeld(view, parts);
    }
  }

  /** Of the parts that are held, those of incomplete pieces too. */
  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#pieces.size;
  }

  get(id: string): EvidenceView | undefined {
    return this.#pieces.get(id)?.view;
  }

  /** The latest first, by event time. */
  list(): EvidenceView[] {
    const views = [...this.#pieces.values()].map(({ view }) => view);
    return views.sort((a, b) => b.startMs - a.startMs || (a.id < b.id ? -1 : 1));
  }

  /** All of whose parts are here, and not compared with its checksum yet. */
  *unchecked(): Generator<EvidenceView> {
    for (const { view } of this.#pieces.values()) if (view.state === "checking") yield view;
  }

  take(
    part: EvidencePart,
    from: { readonly agent: string; readonly site: string; readonly nowMs: number },
  ): PartVerdict {
    const { agent, site, nowMs } = from;
    const { manifest } = part;
    const known = this.#pieces.get(manifest.id);
    if (known !== undefined && (known.view.agent !== agent || !isSame(known.view, manifest)))
      return "conflict";
    const held = known?.held ?? new PartSet(evidencePartCount(manifest));
    if (!held.add(part.part)) return "duplicate";
    const view: EvidenceView = {
      ...manifest,
      agent,
      site,
      state: held.isFull ? "checking" : "incomplete",
      parts: held.size,
      partsHeld: held.count,
      firstAtMs: known?.view.firstAtMs ?? nowMs,
      changedAtMs: nowMs,
    };
    this.#put({ view, held });
    this.#bytes += part.data.length;
    const key = CENTRAL_KEYS.evidencePart(manifest.id, part.part);
    this.#changes.push({ type: "put", key, value: part.data });
    return "taken";
  }

  /** The whole was compared with its checksum. What is not as it was sent is given up: it cannot be asked for again. */
  checked(id: string, isSound: boolean, nowMs: number): GoneEvidence | EvidenceView | null {
    const piece = this.#pieces.get(id);
    if (piece?.view.state !== "checking") return null;
    if (!isSound) return this.#forget(piece, "damaged");
    const view: EvidenceView = { ...piece.view, state: "complete", changedAtMs: nowMs };
    this.#put({ ...piece, view });
    return view;
  }

  /** Gives up what is too old, what nobody finishes, and the longest unchanged where there is too much; some at a time. */
  expire(nowMs: number): GoneEvidence[] {
    const { bytesMax, retainMs, unfinishedMs } = this.#limits;
    const gone: GoneEvidence[] = [];
    for (const piece of this.#pieces.values()) {
      if (gone.length === EXPIRED_MAX) break;
      const { state, changedAtMs } = piece.view;
      const ageMs = nowMs - changedAtMs;
      const isOver = this.#bytes > bytesMax || this.#pieces.size > EVIDENCE_COUNT_MAX;
      if (isOver) gone.push(this.#forget(piece, "evicted"));
      else if (state === "incomplete" && ageMs > unfinishedMs) gone.push(this.#forget(piece, "unfinished"));
      else if (ageMs > retainMs) gone.push(this.#forget(piece, "expired"));
    }
    return gone;
  }

  /** What changed since the last call, to be committed whole, in this order. */
  takeChanges(): Change[] {
    const changes = this.#changes;
    this.#changes = [];
    for (const id of this.#dirty) {
      const piece = this.#pieces.get(id);
      if (piece === undefined) continue;
      changes.push(EVIDENCE.put(CENTRAL_KEYS.evidence(id), { ...piece.view, held: String(piece.held) }));
    }
    this.#dirty.clear();
    return changes;
  }

  #put(piece: Piece): void {
    // Deleting first keeps the map in order of the latest change.
    this.#pieces.delete(piece.view.id);
    this.#pieces.set(piece.view.id, piece);
    this.#dirty.add(piece.view.id);
  }

  #forget({ view, held }: Piece, fate: EvidenceFate): GoneEvidence {
    this.#pieces.delete(view.id);
    this.#bytes -= bytesHeld(view, held);
    this.#changes.push({ type: "del", key: CENTRAL_KEYS.evidence(view.id) });
    for (const part of held)
      this.#changes.push({ type: "del", key: CENTRAL_KEYS.evidencePart(view.id, part) });
    return { view, fate };
  }
}

function bytesHeld({ bytes, partBytes }: EvidenceManifest, held: PartSet): number {
  let sum = 0;
  for (const part of held) sum += Math.min(partBytes, bytes - part * partBytes);
  return sum;
}

/** What was cut from the same whole in the same way. */
function isSame(a: EvidenceManifest, b: EvidenceManifest): boolean {
  return a.sha256 === b.sha256 && a.bytes === b.bytes && a.partBytes === b.partBytes && a.alarm === b.alarm;
}
