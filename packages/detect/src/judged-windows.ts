import type { EventTimeMs } from "@millrace/stream";
import type { Detector, DetectorBounds, DetectorState, Standing } from "./detector.ts";
import { plainStanding, TRANSITION } from "./detector.ts";
import { makeDetector } from "./make-detector.ts";
import type { WindowRuleSpec } from "./rule-spec.ts";

/** A window of one group as a rule saw it last. */
export interface JudgedWindow {
  readonly startMs: EventTimeMs;
  readonly endMs: EventTimeMs;
  /** The result that the rule looks at; 0 where it looks at silence. */
  readonly value: number;
  readonly revision: number;
  readonly isComplete: boolean;
  readonly agentsExpected: number;
  readonly agentsReporting: number;
  readonly agentsMissing: readonly string[];
}

/** A time in which the condition held, as the windows tell it now. */
export interface WindowSpell {
  readonly activeAtMs: EventTimeMs;
  /** Null: it holds after the last window. */
  readonly clearedAtMs: EventTimeMs | null;
  readonly standing: Standing;
  /** What broke the limit, or brought it to its level, and what ended it. */
  readonly value: number;
  readonly clearedValue: number;
  /** The one that raised it or brought it to its level; of silence, the last one before it. */
  readonly window: JudgedWindow;
}

/** How things stand between two windows. */
interface Course {
  readonly detector: DetectorState | null;
  /** The window with the greatest end so far. */
  readonly last: JudgedWindow | null;
  readonly open: WindowSpell | null;
}

/** What is kept of the windows that are not kept any more, as plain JSON. */
export interface JudgedWindowsState {
  /** Windows that start before this are not taken any more. */
  readonly floorMs: EventTimeMs | null;
  /** No spell that ended by then is kept. */
  readonly floorEndMs: EventTimeMs | null;
  readonly course: Course;
}

interface Waypoint {
  readonly at: number;
  readonly course: Course;
  readonly closedCount: number;
}

/** Windows of a group that may still be corrected. */
export const WINDOWS_KEPT = 512;
/** They are left behind so many at a time; and so far apart are the places from which they are judged anew. */
const STRIDE = 64;
/** In order of their starts no window is late, whatever central's clock says. */
const BOUNDS: DetectorBounds = { raiseLateMsMax: 0, futureMsMax: Infinity };
const ARRIVAL = { nowMs: 0, isRetained: false, isReplayed: false };
const NOTHING_YET: Course = { detector: null, last: null, open: null };

/**
 * The latest windows of one group, in order of their starts, and the spells that the rule's condition makes of them: the same
 * whatever the order in which windows and their revisions come, down to the last `WINDOWS_KEPT`. It is the agent's detectors
 * that judge, each window as a reading at its end; only silence, which they measure on a clock, is measured from window to window here.
 */
export class JudgedWindows {
  readonly #rule: WindowRuleSpec;
  #windows: JudgedWindow[] = [];
  #floorMs: EventTimeMs = -Infinity;
  #floorEndMs: EventTimeMs = -Infinity;
  #course: Course = NOTHING_YET;
  /** Closed spells, in order; those behind the last waypoint's count are of the windows behind it. */
  readonly #closed: WindowSpell[] = [];
  #waypoints: Waypoint[] = [];
  #end: Course = NOTHING_YET;
  /** The windows from this one on are not judged yet. */
  #dirtyAt = 0;
  /** So many stand behind `#end`; 0: it is of windows that have changed since. */
  #judgedCount = 0;

  constructor(rule: WindowRuleSpec) {
    this.#rule = rule;
  }

  get state(): JudgedWindowsState {
    const finite = (ms: number): number | null => (ms === -Infinity ? null : ms);
    return { floorMs: finite(this.#floorMs), floorEndMs: finite(this.#floorEndMs), course: this.#course };
  }

  restore(state: JudgedWindowsState, windows: readonly JudgedWindow[]): void {
    this.#floorMs = state.floorMs ?? -Infinity;
    this.#floorEndMs = state.floorEndMs ?? -Infinity;
    this.#course = state.course;
    this.#windows = windows.toSorted((a, b) => a.startMs - b.startMs);
    this.#judgeFrom(0);
  }

  /** No spell that ended by then is among `spells`. */
  get floorEndMs(): EventTimeMs {
    return this.#floorEndMs;
  }

  /** The end of the latest window; -Infinity where there is none. */
  get lastEndMs(): EventTimeMs {
    this.#judge();
    return this.#end.last?.endMs ?? -Infinity;
  }

  get(startMs: EventTimeMs): JudgedWindow | undefined {
    const at = this.#placeOf(startMs);
    return this.#windows[at]?.startMs === startMs ? this.#windows[at] : undefined;
  }

  /** Those that start in `[fromMs, toMs)`. */
  between(fromMs: EventTimeMs, toMs: EventTimeMs): readonly JudgedWindow[] {
    return this.#windows.slice(this.#placeOf(fromMs), this.#placeOf(toMs));
  }

  /** Starts of those that are left behind with this one; null: it is older than all that is kept, and without effect. */
  put(window: JudgedWindow): readonly EventTimeMs[] | null {
    if (window.startMs < this.#floorMs) return null;
    const at = this.#placeOf(window.startMs);
    this.#windows.splice(at, this.#windows[at]?.startMs === window.startMs ? 1 : 0, window);
    this.#judgeFrom(at);
    return this.#windows.length > WINDOWS_KEPT + STRIDE ? this.#leave(STRIDE) : [];
  }

  /** Leaves those behind that start by then; their starts. */
  leaveTo(timeMs: EventTimeMs): readonly EventTimeMs[] {
    return this.#leave(this.#placeOf(timeMs + 1));
  }

  /** There is nothing in the window any more. */
  remove(startMs: EventTimeMs): void {
    const at = this.#placeOf(startMs);
    if (this.#windows[at]?.startMs !== startMs) return;
    this.#windows.splice(at, 1);
    this.#judgeFrom(at);
  }

  /** In order. @param silentToMs silence is known up to then. */
  spells(silentToMs: EventTimeMs): WindowSpell[] {
    this.#judge();
    const open = this.#rule.when.kind === "missing" ? this.#silence(silentToMs) : this.#end.open;
    return open === null ? [...this.#closed] : [...this.#closed, open];
  }

  /** The silence after the last window, where it is long enough by then. */
  #silence(silentToMs: EventTimeMs): WindowSpell | null {
    const { when } = this.#rule;
    const { last } = this.#end;
    if (when.kind !== "missing" || last === null) return null;
    const silenceMs = when.forMs + when.forAtLeastMs;
    const isLongEnough = silentToMs - last.endMs >= silenceMs;
    return isLongEnough ? silenceAfter(this.#rule, last, silenceMs, null) : null;
  }

  #leave(count: number): readonly EventTimeMs[] {
    const gone = this.#windows.splice(0, count);
    this.#judgeFrom(0);
    this.#judgedCount = 0;
    this.#course = judged(this.#rule, gone, this.#course, []);
    for (const { startMs, endMs } of gone) {
      this.#floorMs = Math.max(this.#floorMs, startMs + 1);
      this.#floorEndMs = Math.max(this.#floorEndMs, endMs);
    }
    return gone.map(({ startMs }) => startMs);
  }

  #judgeFrom(at: number): void {
    this.#dirtyAt = Math.min(this.#dirtyAt, at);
    // One that is behind all others goes on from their end.
    if (at < this.#judgedCount) this.#judgedCount = 0;
    while ((this.#waypoints.at(-1)?.at ?? -1) > at) this.#waypoints.pop();
    if (at === 0) this.#waypoints = [];
  }

  #judge(): void {
    if (this.#dirtyAt === Infinity) return;
    const closedCount = this.#closed.length;
    const end = { at: this.#judgedCount, course: this.#end, closedCount };
    const start = { at: 0, course: this.#course, closedCount: 0 };
    const from = this.#judgedCount > 0 ? end : (this.#waypoints.at(-1) ?? start);
    this.#closed.length = from.closedCount;
    let { course } = from;
    const count = this.#windows.length;
    for (let at = from.at, toAt = 0; at < count; at = toAt) {
      toAt = Math.min(count, STRIDE * (Math.floor(at / STRIDE) + 1));
      if (at % STRIDE === 0 && at > (this.#waypoints.at(-1)?.at ?? 0))
        this.#waypoints.push({ at, course, closedCount: this.#closed.length });
      course = judged(this.#rule, this.#windows.slice(at, toAt), course, this.#closed);
    }
    this.#end = course;
    this.#judgedCount = count;
    this.#dirtyAt = Infinity;
  }

  /** Of the first that does not start before this. */
  #placeOf(startMs: EventTimeMs): number {
    let [low, high] = [0, this.#windows.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#windows[middle].startMs < startMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The course after these windows; the spells that end in them are added to `closed`. */
function judged(
  rule: WindowRuleSpec,
  windows: readonly JudgedWindow[],
  course: Course,
  closed: WindowSpell[],
): Course {
  const { when } = rule;
  let { last, open } = course;
  const isSilence = when.kind === "missing";
  const detector = isSilence ? null : restored(rule, course.detector);
  for (const window of windows) {
    if (isSilence) {
      const silenceMs = when.forMs + when.forAtLeastMs;
      if (last !== null && window.startMs - last.endMs >= silenceMs)
        closed.push(silenceAfter(rule, last, silenceMs, window.startMs));
    } else if (detector !== null) open = step(detector, window, open, closed);
    if (last === null || window.endMs > last.endMs) last = window;
  }
  return { detector: detector?.state(0) ?? null, last, open };
}

function step(
  detector: Detector,
  window: JudgedWindow,
  open: WindowSpell | null,
  closed: WindowSpell[],
): WindowSpell | null {
  const { value, endMs } = window;
  const transition = detector.observe(0, { value, timeMs: endMs, quality: "good" }, ARRIVAL, 0);
  const measured = detector.measure(0, value);
  switch (transition) {
    case TRANSITION.raised:
    case TRANSITION.moved: {
      const standing = detector.standing(0);
      const begun = open ?? { activeAtMs: endMs, clearedAtMs: null };
      return { ...begun, standing, value: measured, clearedValue: measured, window };
    }
    case TRANSITION.cleared:
      if (open !== null) closed.push({ ...open, clearedAtMs: endMs, clearedValue: measured });
      return null;
    default:
      return open;
  }
}

function restored(rule: WindowRuleSpec, state: DetectorState | null): Detector {
  const detector = makeDetector(rule, BOUNDS);
  if (state !== null) detector.restore(0, state, 0);
  return detector;
}

function silenceAfter(
  rule: WindowRuleSpec,
  window: JudgedWindow,
  silenceMs: number,
  clearedAtMs: EventTimeMs | null,
): WindowSpell {
  const activeAtMs = window.endMs + silenceMs;
  return {
    activeAtMs,
    clearedAtMs,
    standing: plainStanding(rule, silenceMs / 1_000),
    value: silenceMs / 1_000,
    clearedValue: ((clearedAtMs ?? activeAtMs) - window.endMs) / 1_000,
    window,
  };
}
