import type { AppendFields, BatchQueue, Change, UnsentRun } from "@millrace/queue";
import type { Logger } from "@millrace/runtime";
import { coarsenRows, type PaneRows } from "@millrace/stream";
import {
  BATCH_HEADER_BYTES,
  type Compression,
  decodePaneBatch,
  decodeSkippedBatch,
  openBatch,
  unpackBody,
} from "@millrace/wire";
import { groupSections } from "../panes/pane-groups.ts";

export interface BacklogCoarsenerOptions {
  readonly queue: BatchQueue;
  readonly compression: Compression;
  readonly log: Logger;
  /** What panes of this length become at a level; no longer ones where they cannot. */
  coarseMsOf(metric: string, paneMs: number, levelMs: number): number;
  /** What is to be appended for these groups of sections. */
  seal(groups: readonly (readonly PaneRows[])[]): Omit<AppendFields, "lane" | "kind">[];
  /** Something is ready to be applied, or nothing is left to coarsen: a commit should follow. */
  wake(): void;
}

/** Panes become this long, if their metric's windows bear it: all of the backlog the first, before any of it the next. */
const LEVELS_MS = [10_000, 60_000] as const;
/** Of what is merged at a time: bounds memory, and the work between two commits. */
const RUN = { bytesMax: 512 * 1024, batchesMax: 64 } as const;
const READ_BATCHES_MAX = 8;
/** What a run must become, of what it was, to be worth its writes. */
const WORTH_SHARE = 15 / 16;
/** Of the batches: so many new ones make it worth to look again at what was merged in small groups. */
const AGAIN_SHARE = 1 / 8;

/** What of the backlog was made coarser since the start. */
export interface CoarsenedBacklog {
  /** Rows (a series' pane each) that others have taken in. */
  readonly rows: number;
  /** Event time of all of it. */
  readonly startMs: number;
  readonly endMs: number;
}

/** What a run has become. */
interface Replacement {
  readonly run: UnsentRun;
  readonly rows: number;
  readonly merged: readonly Omit<AppendFields, "lane" | "kind">[];
}

/**
 * Makes room in the backlog without giving readings up: merges the panes of the oldest batches that were not sent into
 * coarser ones. It reads from the store, so it works ahead of the commit that puts its result in their place.
 */
export class BacklogCoarsener {
  readonly #options: BacklogCoarsenerOptions;
  /** By level: below it everything is as coarse, or was sent. */
  readonly #cursors = LEVELS_MS.map(() => 0);
  #ready: Replacement | undefined;
  #isPreparing = false;
  /** The lane's next sequence when the last level was last begun anew. */
  #begunAtNext = 0;
  #coarsened: CoarsenedBacklog | null = null;

  constructor(options: BacklogCoarsenerOptions) {
    this.#options = options;
  }

  /** Null before there was any. */
  get coarsened(): CoarsenedBacklog | null {
    return this.#coarsened;
  }

  /** Goes on with the next run, if there is one. False where nothing is left that could be coarser. */
  request(): boolean {
    if (this.#ready !== undefined || this.#isPreparing) return true;
    if (this.#nextRun() === undefined) return false;
    this.#isPreparing = true;
    void this.#prepare();
    return true;
  }

  /** Puts what is ready into a commit. */
  applyInto(changes: Change[]): boolean {
    const ready = this.#ready;
    this.#ready = undefined;
    if (ready === undefined) return false;
    const isApplied = this.#options.queue.replaceRun(changes, "backfill", ready.run, ready.merged);
    // Batches that only became fewer have lost no detail.
    if (isApplied && ready.rows > 0) this.#count(ready);
    return isApplied;
  }

  #count({ rows, merged }: Replacement): void {
    const startMs = Math.min(...merged.map((batch) => batch.startMs));
    const endMs = Math.max(...merged.map((batch) => batch.endMs));
    const before = this.#coarsened ?? { rows: 0, startMs, endMs };
    this.#coarsened = {
      rows: before.rows + rows,
      startMs: Math.min(before.startMs, startMs),
      endMs: Math.max(before.endMs, endMs),
    };
    const message = "no room for the backlog as it is: it becomes coarser, finer windows of then may differ";
    this.#options.log.repeated("coarsened", message, {
      rows,
      from: new Date(startMs).toISOString(),
      to: new Date(endMs).toISOString(),
    });
  }

  async #prepare(): Promise<void> {
    for (let next = this.#nextRun(); next !== undefined; next = this.#nextRun()) {
      const { run, level } = next;
      // Whatever comes of it, it is not looked at again at this level.
      this.#cursors[level] = run.to + 1;
      try {
        const merged = await this.#merge(run, LEVELS_MS[level]);
        if (merged === undefined) continue;
        this.#ready = { run, ...merged };
        break;
      } catch (error) {
        this.#options.log.repeated("coarsen", "cannot read the backlog to make it coarser", { error });
      }
    }
    this.#isPreparing = false;
    this.#options.wake();
  }

  #nextRun(): { readonly run: UnsentRun; readonly level: number } | undefined {
    for (const level of LEVELS_MS.keys()) {
      const run = this.#runFrom(this.#cursors[level]);
      if (run !== undefined) return { run, level };
    }
    // What came in small groups is merged on its own; later some of these make one.
    const { next, queuedBatches } = this.#options.queue.lane("backfill");
    const newMin = queuedBatches > RUN.batchesMax ? AGAIN_SHARE * queuedBatches : 2;
    if (next - this.#begunAtNext < newMin) return undefined;
    this.#begunAtNext = next;
    const level = LEVELS_MS.length - 1;
    this.#cursors[level] = 0;
    const run = this.#runFrom(0);
    return run === undefined ? undefined : { run, level };
  }

  #runFrom(sequence: number): UnsentRun | undefined {
    for (let from = sequence; ;) {
      const run = this.#options.queue.unsentRun("backfill", from, RUN);
      if (run === undefined || run.sequences.length > 1) return run;
      from = run.to + 1;
    }
  }

  /** Undefined where it is not worth it, or a batch is not what it was. */
  async #merge(run: UnsentRun, levelMs: number): Promise<Omit<Replacement, "run"> | undefined> {
    const { queue, coarseMsOf, seal } = this.#options;
    let sections: readonly PaneRows[] = [];
    let rowsBefore = 0;
    for (let at = 0; at < run.sequences.length; at += READ_BATCHES_MAX) {
      const sequences = run.sequences.slice(at, at + READ_BATCHES_MAX);
      const batches = await queue.read("backfill", sequences[0], sequences.at(-1)! - sequences[0] + 1);
      for (const { bytes } of batches) {
        const found = this.#sectionsOf(bytes);
        if (found === undefined) return undefined;
        sections = [...sections, ...found];
        rowsBefore += rowsOf(found);
      }
      sections = coarsenRows(sections, (metric, paneMs) => coarseMsOf(metric, paneMs, levelMs));
    }
    const merged = seal(groupSections(sections));
    const bytes = merged.reduce((sum, { body }) => sum + BATCH_HEADER_BYTES + body.length, 0);
    if (bytes >= WORTH_SHARE * run.bytes) return undefined;
    return { rows: rowsBefore - rowsOf(sections), merged };
  }

  /** Undefined for what is neither panes nor stands behind merged ones. */
  #sectionsOf(bytes: Uint8Array): readonly PaneRows[] | undefined {
    const opened = openBatch(bytes);
    const unpacked = opened.ok ? unpackBody(opened.batch, this.#options.compression) : opened;
    if (!opened.ok || !unpacked.ok) return undefined;
    if (opened.batch.kind === "panes") {
      const panes = decodePaneBatch(unpacked.body);
      return panes.ok ? panes.message.sections : undefined;
    }
    const skipped = decodeSkippedBatch(unpacked.body);
    return skipped.ok && skipped.message.reason === "coarsened" ? [] : undefined;
  }
}

function rowsOf(sections: readonly PaneRows[]): number {
  return sections.reduce((sum, { rowCount }) => sum + rowCount, 0);
}
