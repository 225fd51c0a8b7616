import type { EventTimeMs } from "../event-time.ts";

/** From its first reading to its last. */
export interface Session {
  readonly firstMs: EventTimeMs;
  readonly lastMs: EventTimeMs;
}

/** A session, or one of two parts on either side of a line. */
export interface SessionPart extends Session {
  /** Begins a session, however near the one before: that was final already. */
  readonly isApart: boolean;
}

/** What readings have done to the sessions of a group. */
export interface SessionChange {
  /** The session that they are in. */
  readonly session: Session;
  /** Starts of the pages whose parts are others now; none where the readings change nothing. */
  readonly pages: readonly EventTimeMs[];
  /** The sessions that there were nearby; none where nothing has changed. */
  readonly before: readonly Session[];
  /** Sessions that are new, longer or shorter; not always the one above. */
  readonly changed: readonly Session[];
  /** First times of sessions that are none any more: their readings are in another one now. */
  readonly merged: readonly EventTimeMs[];
}

/** Of a slice so many gaps at a time are stored under one key: few parts are written again when one of them changes. */
const PAGE_GAPS = 32;

/**
 * Where the sessions of one window lie, of every group, until they are final. Readings between which no more than the gap
 * passes are in one session. So that none grows for ever, time is ruled with a line at every multiple of the greatest
 * length. On its own side of a line, readings make parts; two parts on either side of one are one session where no more
 * than the gap lies between them, they are together no longer than the greatest length, and the earlier does not itself
 * continue one before its own line. It depends on the readings' times alone, never on the order in which they came.
 */
export class SessionBook {
  readonly #gapMs: number;
  readonly #lengthMsMax: number;
  /** By group and slice, ascending. */
  readonly #slices = new Map<string, Map<EventTimeMs, SessionPart[]>>();
  #partCount = 0;

  constructor({ gapMs, lengthMsMax }: { readonly gapMs: number; readonly lengthMsMax: number }) {
    this.#gapMs = gapMs;
    this.#lengthMsMax = lengthMsMax;
  }

  /** Parts in memory. */
  get size(): number {
    return this.#partCount;
  }

  /** Start of the slice between two lines in which a time lies. */
  sliceOf(timeMs: EventTimeMs): EventTimeMs {
    return Math.floor(timeMs / this.#lengthMsMax) * this.#lengthMsMax;
  }

  /** Start of the page, within its slice, in which a part that begins at a time is stored. */
  pageOf(timeMs: EventTimeMs): EventTimeMs {
    const sliceMs = this.sliceOf(timeMs);
    const pageMs = PAGE_GAPS * this.#gapMs;
    return sliceMs + Math.floor((timeMs - sliceMs) / pageMs) * pageMs;
  }

  /** The parts that begin in the page that begins at a time; a gap lies between each, so there are few. */
  page(group: string, pageMs: EventTimeMs): readonly SessionPart[] {
    const parts = this.parts(group, this.sliceOf(pageMs));
    const endMs = pageMs + PAGE_GAPS * this.#gapMs;
    return parts.slice(firstFrom(parts, pageMs), firstFrom(parts, endMs));
  }

  parts(group: string, sliceMs: EventTimeMs): readonly SessionPart[] {
    return this.#slices.get(group)?.get(sliceMs) ?? [];
  }

  /**
   * Takes in readings from `firstMs` to `lastMs`, between which there is nowhere more than the gap, nor a line. Sessions
   * that start before `finalToMs` stay as they are.
   */
  add(group: string, { firstMs, lastMs }: Session, finalToMs: EventTimeMs): SessionChange {
    const sliceMs = this.sliceOf(firstMs);
    const parts = this.parts(group, sliceMs);
    const isOpen = (part: SessionPart) =>
      sliceMs - this.#lengthMsMax >= finalToMs || this.#sessionOf(group, part).firstMs >= finalToMs;
    let from = firstEndingFrom(parts, firstMs - this.#gapMs);
    while (from < parts.length && !isOpen(parts[from])) from++;
    let to = from;
    while (to < parts.length && parts[to].firstMs <= lastMs + this.#gapMs) to++;
    const joined = parts.slice(from, to);
    if (joined.length === 1 && joined[0].firstMs <= firstMs && joined[0].lastMs >= lastMs)
      return {
        session: this.#sessionOf(group, joined[0]),
        pages: [],
        before: [],
        changed: [],
        merged: [],
      };

    const first = Math.min(firstMs, joined[0]?.firstMs ?? Infinity);
    const previous = parts[from - 1] ?? this.parts(group, sliceMs - this.#lengthMsMax).at(-1);
    const isAfterFinal =
      previous !== undefined && previous.lastMs >= first - this.#gapMs && !isOpen(previous);
    const part: SessionPart = {
      firstMs: first,
      lastMs: Math.max(lastMs, joined.at(-1)?.lastMs ?? -Infinity),
      isApart: isAfterFinal || (joined[0]?.firstMs === first && joined[0].isApart),
    };
    const before = this.sessionsNear(group, part);
    this.#sliceToChange(group, sliceMs).splice(from, to - from, part);
    this.#partCount += 1 - joined.length;
    const after = this.sessionsNear(group, part);
    const was = new Map(before.map((session) => [session.firstMs, session.lastMs]));
    const is = new Set(after.map((session) => session.firstMs));
    return {
      session: this.#sessionOf(group, part),
      pages: [...new Set([part, ...joined].map((each) => this.pageOf(each.firstMs)))],
      before,
      changed: after.filter((session) => was.get(session.firstMs) !== session.lastMs),
      merged: before.map((session) => session.firstMs).filter((startMs) => !is.has(startMs)),
    };
  }

  /** The session that has readings in a range of time, or on both sides of it; mostly there is none. */
  over(group: string, fromMs: EventTimeMs, toMs: EventTimeMs): Session | null {
    for (const { parts } of this.#around(group, fromMs, 1)) {
      for (const index of new Set([0, firstEndingFrom(parts, fromMs), parts.length - 1])) {
        if (index >= parts.length) continue;
        const session = this.#sessionOf(group, parts[index]);
        if (session.firstMs < toMs && session.lastMs >= fromMs) return session;
      }
    }
    return null;
  }

  /** The sessions that readings at these times may change. */
  sessionsNear(group: string, { firstMs, lastMs }: Session): Session[] {
    return [
      ...new Map(
        this.#partsNear(group, firstMs, lastMs).map((part) => {
          const session = this.#sessionOf(group, part);
          return [session.firstMs, session];
        }),
      ).values(),
    ];
  }

  /** The first times of their parts: where sessions may begin. */
  startsNear(group: string, { firstMs, lastMs }: Session): EventTimeMs[] {
    return this.#partsNear(group, firstMs, lastMs).map((part) => part.firstMs);
  }

  /** Takes up stored parts of one slice, ascending; false, and nothing is taken, where others lie in their place. */
  takeUp(group: string, sliceMs: EventTimeMs, parts: readonly SessionPart[]): boolean {
    const known = this.parts(group, sliceMs);
    const at = firstFrom(known, parts[0]?.firstMs ?? Infinity);
    const isFree =
      (known[at - 1]?.lastMs ?? -Infinity) < (parts[0]?.firstMs ?? Infinity) &&
      (known[at]?.firstMs ?? Infinity) > (parts.at(-1)?.lastMs ?? -Infinity);
    if (!isFree) return false;
    const here = this.#sliceToChange(group, sliceMs);
    const behind = here.splice(at);
    for (const part of parts) here.push(part);
    for (const part of behind) here.push(part);
    this.#partCount += parts.length;
    return true;
  }

  /**
   * Forgets the slices that say nothing any more of a session that is not final; which pages they had. Whether such a one is
   * continued from the slice before hangs on the slice before that.
   */
  dropFinal(finalToMs: EventTimeMs): { readonly group: string; readonly pageMs: EventTimeMs }[] {
    const dropped: { group: string; pageMs: EventTimeMs }[] = [];
    for (const [group, slices] of this.#slices) {
      for (const [sliceMs, parts] of slices) {
        if (sliceMs + 3 * this.#lengthMsMax > finalToMs) continue;
        slices.delete(sliceMs);
        this.#partCount -= parts.length;
        for (const pageMs of new Set(parts.map((part) => this.pageOf(part.firstMs))))
          dropped.push({ group, pageMs });
      }
      if (slices.size === 0) this.#slices.delete(group);
    }
    return dropped;
  }

  /** Parts within a gap of these times, and those beside lines that they may bring together or take apart. */
  #partsNear(group: string, firstMs: EventTimeMs, lastMs: EventTimeMs): SessionPart[] {
    const near: SessionPart[] = [];
    for (const { sliceMs, parts } of this.#around(group, firstMs, 2)) {
      const from = firstEndingFrom(parts, firstMs - this.#gapMs);
      for (let at = from; at < parts.length && parts[at].firstMs <= lastMs + this.#gapMs; at++)
        near.push(parts[at]);
      const [first, last] = [parts[0], parts[parts.length - 1]];
      if (first.firstMs <= sliceMs + this.#gapMs) near.push(first);
      if (last.lastMs >= sliceMs + this.#lengthMsMax - this.#gapMs) near.push(last);
    }
    return near;
  }

  /** The slices from `count` before that of a time to `count` after it. */
  *#around(group: string, timeMs: EventTimeMs, count: number) {
    const slices = this.#slices.get(group);
    if (slices === undefined) return;
    for (let step = -count; step <= count; step++) {
      const sliceMs = this.sliceOf(timeMs) + step * this.#lengthMsMax;
      const parts = slices.get(sliceMs);
      if (parts !== undefined && parts.length > 0) yield { sliceMs, parts };
    }
  }

  #sliceToChange(group: string, sliceMs: EventTimeMs): SessionPart[] {
    let slices = this.#slices.get(group);
    if (slices === undefined) this.#slices.set(group, (slices = new Map()));
    let parts = slices.get(sliceMs);
    if (parts === undefined) slices.set(sliceMs, (parts = []));
    return parts;
  }

  #sessionOf(group: string, part: SessionPart): Session {
    const sliceMs = this.sliceOf(part.firstMs);
    const parts = this.parts(group, sliceMs);
    const left = this.parts(group, sliceMs - this.#lengthMsMax).at(-1);
    if (part === parts[0] && left !== undefined && this.#areOne(group, left, part))
      return { firstMs: left.firstMs, lastMs: part.lastMs };
    const right = this.parts(group, sliceMs + this.#lengthMsMax).at(0);
    if (part === parts.at(-1) && right !== undefined && this.#areOne(group, part, right))
      return { firstMs: part.firstMs, lastMs: right.lastMs };
    return part;
  }

  /** Of the last part before a line and the first one after it. */
  #areOne(group: string, left: SessionPart, right: SessionPart): boolean {
    if (!this.#isContinued(left, right) || right.lastMs - left.firstMs > this.#lengthMsMax) return false;
    const sliceMs = this.sliceOf(left.firstMs);
    const before = this.parts(group, sliceMs - this.#lengthMsMax).at(-1);
    const isFirst = this.parts(group, sliceMs).length === 1;
    return !(isFirst && before !== undefined && this.#isContinued(before, left));
  }

  #isContinued(left: SessionPart, right: SessionPart): boolean {
    return !right.isApart && right.firstMs - left.lastMs <= this.#gapMs;
  }
}

/** The index of the first part that ends at a time or later; the length when there is none. */
function firstEndingFrom(parts: readonly SessionPart[], timeMs: EventTimeMs): number {
  let [from, to] = [0, parts.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (parts[middle].lastMs >= timeMs) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** The index of the first part that begins at a time or later; the length when there is none. */
function firstFrom(parts: readonly SessionPart[], timeMs: EventTimeMs): number {
  const at = firstEndingFrom(parts, timeMs);
  return at < parts.length && parts[at].firstMs < timeMs ? at + 1 : at;
}
