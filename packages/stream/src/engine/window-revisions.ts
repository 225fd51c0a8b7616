import type { Completeness, WindowResult, WindowState } from "../window-result.ts";
import { SessionTrack } from "./session-track.ts";
import type { Standing, WindowStanding } from "./standing.ts";
import { standingOf } from "./standing-of.ts";
import type { TickRoom } from "./tick-room.ts";
import type { WindowMemory } from "./window-memory.ts";
import { windowValues } from "./window-values.ts";
import type { WindowValues } from "./window-values.ts";
import type { WindowRecord, WindowTrack } from "./window-track.ts";

/** When windows are shown. */
export interface RevisionPace {
  readonly graceMs: number;
  readonly emitIntervalMs: number;
  readonly revisionIntervalMs: number;
  readonly backlogRevisionMs: number;
}

/** While a tick has left some windows for the next ones, which others are due is looked at this often. */
const LOOK_INTERVAL_MS = 250;

/** What is to be said of a window now. */
interface Look {
  readonly standing: WindowStanding;
  readonly isComplete: boolean;
  readonly hasEnded: boolean;
  readonly hasAllPassed: boolean;
  readonly hasWaited: boolean;
  readonly waitsUntilMs: number;
}

/** Decides when a window has a new revision, and makes it. */
export class WindowRevisions {
  readonly #memory: WindowMemory;
  readonly #standing: Standing;
  readonly #pace: RevisionPace;
  readonly #room: TickRoom;
  #waitedFor: WindowRecord[] = [];
  /** Windows that the last tick had no room for, in their order. */
  #left: readonly WindowRecord[] = [];
  #lookedAtMs = -Infinity;
  /** Of what has moved, the last look had no room for some. */
  #hasMovedLeft = false;

  constructor(memory: WindowMemory, standing: Standing, pace: RevisionPace, room: TickRoom) {
    this.#memory = memory;
    this.#standing = standing;
    this.#pace = pace;
    this.#room = room;
  }

  /** Gives the open windows that are due their revisions, as many as there is room for; which they were. */
  decideAll(nowMs: number, trustedMs: number): WindowRecord[] {
    this.#room.beginPart();
    this.#waitedFor = [];
    const sinceMs = nowMs - this.#lookedAtMs;
    if (this.#left.length > 0 && sinceMs >= 0 && sinceMs < LOOK_INTERVAL_MS) {
      const stillDue = (record: WindowRecord) =>
        this.#memory.open.has(record) && record.startMs >= record.track.closedToMs(trustedMs);
      return this.#decideDue(this.#left, nowMs, stillDue);
    }
    this.#lookedAtMs = nowMs;
    const changedFromMs = this.#standing.takeChangedFromMs();
    const movedWith = this.#movedWith();
    const moved: WindowRecord[] = [];
    const due: WindowRecord[] = [];
    for (const record of this.#memory.open) {
      const isMoved = movedWith.has(record);
      // What becomes final in this tick is shown by that; of the rest, what has moved cannot wait for it.
      const toMs = isMoved ? record.track.readyToMs(trustedMs) : record.track.closedToMs(trustedMs);
      if (record.startMs < toMs) continue;
      const isIdle = record.track.owedOf(record).endMs <= changedFromMs && nowMs < record.nextCheckMs;
      if (isMoved) moved.push(record);
      else if (!isIdle) due.push(record);
    }
    const emitted = [
      ...this.#emitAllMoved(moved, nowMs),
      ...this.#decideDue(this.#inOrder(due, nowMs), nowMs, () => true),
    ];
    for (const record of this.#left) record.nextCheckMs = -Infinity;
    // Sessions may move before the next tick, and then have to come together: it looks at all of them.
    if (this.#hasMovedLeft || this.#left.some(({ track }) => track instanceof SessionTrack)) this.#left = [];
    return emitted;
  }

  /** Of one group all or none. */
  #emitAllMoved(moved: readonly WindowRecord[], nowMs: number): WindowRecord[] {
    const groups = Map.groupBy(moved, ({ track, group }) => `${track.key}|${group}`);
    const emitted: WindowRecord[] = [];
    this.#hasMovedLeft = false;
    for (const records of groups.values()) {
      if (!this.#room.hasRoom()) {
        this.#hasMovedLeft = true;
        break;
      }
      for (const record of records) if (this.#emitMoved(record, nowMs)) emitted.push(record);
    }
    return emitted;
  }

  /** Those of the present first, so that they do not wait for a past that an agent's return brings; of either the oldest first. */
  #inOrder(due: readonly WindowRecord[], nowMs: number): WindowRecord[] {
    const byStart = Map.groupBy(due, ({ startMs }) => startMs);
    const ascending = [...byStart.keys()]
      .sort((a, b) => a - b)
      .flatMap((startMs) => byStart.get(startMs) ?? []);
    const isPast = ({ endMs }: WindowRecord) => endMs < nowMs - this.#pace.backlogRevisionMs;
    return [...ascending.filter((record) => !isPast(record)), ...ascending.filter(isPast)];
  }

  #decideDue(
    due: readonly WindowRecord[],
    nowMs: number,
    isStillDue: (record: WindowRecord) => boolean,
  ): WindowRecord[] {
    const emitted: WindowRecord[] = [];
    let done = 0;
    for (; done < due.length && this.#room.hasRoom(); done++)
      if (isStillDue(due[done]) && this.#decide(due[done], nowMs)) emitted.push(due[done]);
    this.#left = due.slice(done);
    return emitted;
  }

  /** See `WindowEngine.waitedFor`. */
  get waitedFor(): readonly WindowRecord[] {
    return this.#waitedFor;
  }

  /** Panes that `finalise` needs and that are in the store only: of outdated windows that come from there. */
  finalNeeds(trustedMs: number): string[] {
    const keys = new Set<string>();
    for (const track of this.#memory.tracks.values())
      for (const record of track.records.before(track.becomingFinalToMs(trustedMs)))
        if (isWithoutPanes(record))
          this.#memory.addPaneNeeds(
            keys,
            track.panes,
            track.panesOf(record.startMs, record.endMs),
            record.group,
          );
    return [...keys];
  }

  /** Gives the windows whose lateness is over their last revisions, as many as there is room for, the oldest first. */
  finaliseAll(nowMs: number, trustedMs: number): WindowRecord[] {
    this.#room.beginPart();
    return [...this.#memory.tracks.values()].flatMap((track) => this.#finalise(track, nowMs, trustedMs));
  }

  #finalise(track: WindowTrack, nowMs: number, trustedMs: number): WindowRecord[] {
    const emitted: WindowRecord[] = [];
    const lateToMs = track.lateToMs(trustedMs);
    if (!(lateToMs > track.finalToMs)) return emitted;
    let toMs = track.readyToMs(trustedMs);
    let begunMs = -Infinity;
    track.hasFinalLeft = false;
    for (const record of track.records.between(-Infinity, track.becomingFinalToMs(trustedMs), null)) {
      const isAgain = record.state === "final" || (record.result === null && !record.isDirty);
      if (!isAgain) {
        // Of the sessions that begin in a pane all or none: what comes may still join one with the next.
        const stepMs =
          track instanceof SessionTrack ? track.view.paneStartOf(record.startMs) : record.startMs;
        const isBegun = track instanceof SessionTrack && stepMs === begunMs;
        if (!isBegun && !this.#room.hasRoom()) {
          toMs = Math.min(toMs, stepMs);
          track.hasFinalLeft = true;
          break;
        }
        begunMs = stepMs;
        if (isWithoutPanes(record))
          this.#memory.bringPanes(track.panes, track.panesOf(record.startMs, record.endMs), record.group);
        this.#emit(record, "final", nowMs);
        emitted.push(record);
      }
      this.#settle(record);
      // Where the others of its start come from the store page by page, they would become many.
      const isStored = record.startMs < track.evictedToMs && !this.#memory.isUnsaved(record);
      if (record.state === "final" && isStored) this.#memory.evict(record);
    }
    // Of a start that is cut off some are final already: else they stay until the others are.
    for (const { startMs, group } of track.records.before(toMs)) track.records.delete(startMs, group);
    if (toMs < lateToMs) this.#room.leave();
    if (!(toMs > track.finalToMs)) return emitted;
    track.finalToMs = toMs;
    this.#memory.finalChanged(track);
    return emitted;
  }

  /**
   * Sessions that have taken readings from others or have given some away, with those others: their revisions come
   * together, so that nobody who has them all counts a reading twice.
   */
  #movedWith(): Set<WindowRecord> {
    const moved = new Set<WindowRecord>();
    for (const record of this.#memory.open) {
      const { track, result, group } = record;
      if (!(track instanceof SessionTrack) || result === null) continue;
      const wasMerged = result.mergedIntoMs !== undefined;
      const isShorter = !record.isMerged && !wasMerged && record.endMs < result.endMs;
      if (record.isMerged === wasMerged && !isShorter) continue;
      moved.add(record);
      const now = track.book.over(group, record.startMs, record.startMs + 1);
      const other = now === null ? undefined : track.records.get(now.firstMs, group);
      if (other !== undefined && record.isMerged) moved.add(other);
    }
    return moved;
  }

  /** In the state that it has by now, so that nothing is left to be said of it at the same moment. */
  #emitMoved(record: WindowRecord, nowMs: number): boolean {
    if (record.result !== null && this.#newValues(record) === null) return false;
    const { standing, hasAllPassed } = this.#lookAt(record, nowMs);
    const state = hasAllPassed && record.state === "provisional" ? "complete" : record.state;
    return this.#emit(record, state, nowMs, { standing });
  }

  /** Emits a result where one is due; otherwise says when to look again. */
  #decide(record: WindowRecord, nowMs: number): boolean {
    const look = this.#lookAt(record, nowMs);
    const isEmitted = this.#emitDue(record, nowMs, look);
    const isWaitedFor = record.state === "provisional" && look.standing.isAnyPassed && look.hasWaited;
    if (isWaitedFor && record.result !== null && (isEmitted || !record.isWaitedFor)) {
      record.isWaitedFor = true;
      this.#waitedFor.push(record);
    }
    return isEmitted;
  }

  /** Its panes have just said the same. */
  #keepCurrent(record: WindowRecord): void {
    if (record.result?.isOutdated !== true) return;
    const { isOutdated: _, ...result } = record.result;
    record.result = result;
  }

  #lookAt(record: WindowRecord, nowMs: number): Look {
    const { endMs } = record;
    const standing = this.#standingOf(record);
    const isComplete = record.state === "complete";
    const hasEnded = nowMs >= endMs;
    // A time that lies ahead is of a clock that has gone back since: the grace begins anew.
    if (!isComplete && standing.isAnyPassed && (record.firstPassedAtMs ?? Infinity) > nowMs) {
      record.firstPassedAtMs = nowMs;
      this.#memory.markerChanged(record);
    }
    const waitsUntilMs = Math.max(endMs, record.firstPassedAtMs ?? endMs) + this.#pace.graceMs;
    const hasWaited = nowMs >= waitsUntilMs;
    // Where nobody is expected, nobody can pass: the grace decides.
    const hasAllPassed =
      standing.isEveryPassed && hasEnded && (standing.completeness.agentsExpected > 0 || hasWaited);
    return { standing, isComplete, hasEnded, hasAllPassed, hasWaited, waitsUntilMs };
  }

  #emitDue(record: WindowRecord, nowMs: number, look: Look): boolean {
    const { emitIntervalMs, revisionIntervalMs, backlogRevisionMs } = this.#pace;
    const { endMs, result } = record;
    const { standing, isComplete, hasEnded, hasAllPassed, hasWaited, waitsUntilMs } = look;
    const isBacklog = standing.isPending && endMs < nowMs - backlogRevisionMs;
    // A session that was complete is still paced like one.
    const wasComplete = result?.state === "complete";
    const intervalMs = isBacklog ? backlogRevisionMs : wasComplete ? revisionIntervalMs : emitIntervalMs;
    const sinceMs = result?.updatedAtMs ?? (isBacklog ? record.openedAtMs : -Infinity);
    // A clock that went back would otherwise hold results up for as long as it jumped.
    const isDue = nowMs >= sinceMs + intervalMs || nowMs < sinceMs;
    if (!isComplete && hasAllPassed && (isDue || !wasComplete))
      return this.#emit(record, "complete", nowMs, { standing });
    if (isDue && record.isDirty) {
      const values = this.#newValues(record);
      if (values !== null) return this.#emit(record, record.state, nowMs, { standing, values });
      this.#keepCurrent(record);
      this.#settle(record);
    }
    // One that is outdated and has no panes here can only have come out of a damaged store; its final revision brings them.
    const isStandingNew =
      !isComplete &&
      record.result !== null &&
      standing.key !== record.completenessKey &&
      !isWithoutPanes(record);
    if (isDue && isStandingNew && hasWaited) return this.#emit(record, record.state, nowMs, { standing });

    record.nextCheckMs = Infinity;
    if (record.isDirty || isStandingNew) record.nextCheckMs = isDue ? waitsUntilMs : sinceMs + intervalMs;
    if (!isComplete && !hasEnded) record.nextCheckMs = Math.min(record.nextCheckMs, endMs);
    if (!isComplete && !hasWaited) record.nextCheckMs = Math.min(record.nextCheckMs, waitsUntilMs);
    return false;
  }

  #emit(
    record: WindowRecord,
    state: WindowState,
    nowMs: number,
    {
      standing = this.#standingOf(record),
      values = this.#valuesNow(record),
    }: { readonly standing?: WindowStanding; readonly values?: WindowValues } = {},
  ): boolean {
    const { track } = record;
    const own = completenessNow(record, standing);
    const { completeness, key } =
      own === standing.completeness ? standing : this.#memory.completeness.share(own);
    record.revision += 1;
    record.result = {
      window: track.spec.name,
      metric: track.spec.metric,
      group: record.labels,
      startMs: record.startMs,
      endMs: record.endMs,
      revision: record.revision,
      state,
      ...values,
      completeness,
      updatedAtMs: nowMs,
    };
    record.completenessKey = key;
    record.state = state;
    this.#room.take(this.#memory.resultChanged(record, record.result));
    record.nextCheckMs = -Infinity;
    this.#settle(record);
    return true;
  }

  /** Nothing new is in the window's panes; a complete one needs no more looking at. */
  #settle(record: WindowRecord): void {
    record.isDirty = false;
    if (record.state !== "provisional") this.#memory.close(record);
  }

  #valuesNow(record: WindowRecord): WindowValues {
    const { result } = record;
    return record.isDirty || result === null || result.isOutdated === true
      ? this.#values(record)
      : valuesOf(result);
  }

  /** The values, if they are other ones than those of the last result. */
  #newValues(record: WindowRecord): WindowValues | null {
    const { result, endMs } = record;
    const values = this.#values(record);
    return result === null || result.endMs !== endMs || !isSame(values, result) ? values : null;
  }

  #values(record: WindowRecord): WindowValues {
    const { track, group, result } = record;
    if (result !== null && track.isKept(record)) return valuesOf(result);
    if (record.isMerged) {
      // Into which one it was merged first: that one says where to go on.
      const [intoMs] = track.startsOver(track.view.paneStartOf(record.startMs), group);
      return { values: {}, beside: NOTHING_BESIDE, mergedIntoMs: result?.mergedIntoMs ?? intoMs };
    }
    const { startMs, endMs } = track.panesOf(record.startMs, record.endMs);
    return windowValues(track.panes.layout, track.panes.merged(group, startMs, endMs));
  }

  #standingOf(record: WindowRecord): WindowStanding {
    return standingOf(this.#standing, record.track, record, record.labels);
  }
}

/** Once a window is complete its completeness stays; but coarse panes that come even then are told. */
function completenessNow({ state, result }: WindowRecord, { completeness }: WindowStanding): Completeness {
  if (state === "provisional") return completeness;
  const { agentsCoarse } = completeness;
  return { ...(result?.completeness ?? NOBODY), ...(agentsCoarse === undefined ? {} : { agentsCoarse }) };
}

/** It is outdated, and its values cannot be computed from memory. */
function isWithoutPanes({ result, hasPanes }: WindowRecord): boolean {
  return result?.isOutdated === true && !hasPanes;
}

const NOBODY = {
  agentsExpected: 0,
  agentsReporting: 0,
  agentsMissing: [],
  sitesExpected: 0,
  sitesReporting: 0,
  sitesMissing: [],
};
const NOTHING_BESIDE = { uncertain: 0, bad: 0, undeduplicated: 0 };

function isSame(values: WindowValues, result: WindowResult): boolean {
  if (!hasSameNumbers(values.values, result.values) || values.mergedIntoMs !== result.mergedIntoMs)
    return false;
  const { beside, top } = values;
  return (
    beside.uncertain === result.beside.uncertain &&
    beside.bad === result.beside.bad &&
    beside.undeduplicated === result.beside.undeduplicated &&
    (top === undefined && result.top === undefined
      ? true
      : JSON.stringify(top) === JSON.stringify(result.top))
  );
}

function hasSameNumbers(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  let nameCount = 0;
  for (const name in a) {
    if (a[name] !== b[name]) return false;
    nameCount++;
  }
  for (const _name in b) nameCount--;
  return nameCount === 0;
}

function valuesOf({ values, beside, top, mergedIntoMs }: WindowResult): WindowValues {
  return {
    values,
    beside,
    ...(top === undefined ? {} : { top }),
    ...(mergedIntoMs === undefined ? {} : { mergedIntoMs }),
  };
}
