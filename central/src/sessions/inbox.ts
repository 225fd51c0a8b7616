import { laneOfBatch } from "@millrace/wire";
import { SESSION_INBOX_BYTES_MAX } from "./session.ts";
import type { InboxItem, Session } from "./session.ts";

/** All sessions' waiting bytes together. */
export const INBOX_BYTES_MAX = 268_435_456;
/** Of that, and of one session's, what backlog may take: what is live has room whatever comes back. */
const BACKLOG_SHARE = 0.75;
/** Of one commit, what is left for backlog while more than a commit of live waits: it goes on, slowly. */
const BACKLOG_SHARE_MIN = 0.1;

/** What a message takes at least, however short it is. */
const MESSAGE_BYTES_MIN = 256;

/** Messages of one session in a turn: what is written for its agent is written once for all of them. */
const LIVE_TURN_MESSAGES = 1;
const BACKLOG_TURN_MESSAGES = 16;

export interface InboxLimits {
  readonly messages: number;
  /** Greetings, alarms and live panes, where they may be more; default: `messages`. */
  readonly liveMessages?: number;
  readonly bytes: number;
}

/**
 * Messages that wait for a commit: greetings, alarms and live panes before backlog, and in each the sessions in turn, one
 * message each, of backlog some. So a thousand agents that come back at once, or one with much to say, do not delay what is happening now.
 */
export class Inbox {
  readonly #live = new TurnQueue(LIVE_TURN_MESSAGES);
  readonly #backlog = new TurnQueue(BACKLOG_TURN_MESSAGES);

  get bytes(): number {
    return this.#live.bytes + this.#backlog.bytes;
  }

  get isEmpty(): boolean {
    return this.bytes === 0 && this.#live.isEmpty && this.#backlog.isEmpty;
  }

  /** False where there is no room: the agent sends it again. */
  add(item: InboxItem): boolean {
    const { session } = item;
    const bytes = bytesOf(item);
    const queue = isBacklog(item) ? this.#backlog : this.#live;
    const share = queue === this.#backlog ? BACKLOG_SHARE : 1;
    if (session.inboxBytes + bytes > SESSION_INBOX_BYTES_MAX * share) return false;
    if (this.bytes + bytes > INBOX_BYTES_MAX * share) return false;
    session.inboxBytes += bytes;
    queue.add(item);
    return true;
  }

  /** What the next commit takes up; at least one message where any waits, of backlog none where `messages` is 0. */
  take(limits: InboxLimits): InboxItem[] {
    const share = this.#backlog.isEmpty ? 1 : 1 - BACKLOG_SHARE_MIN;
    const live = this.#live.take({
      messages: limits.liveMessages ?? Math.max(1, Math.floor(limits.messages * share)),
      bytes: limits.bytes * share,
    });
    const backlog = this.#backlog.take({
      messages: Math.max(limits.messages - live.length, Math.floor(limits.messages * BACKLOG_SHARE_MIN)),
      bytes: limits.bytes - live.reduce((sum, item) => sum + bytesOf(item), 0),
    });
    const taken = [...live, ...backlog];
    for (const item of taken) item.session.inboxBytes -= bytesOf(item);
    return taken;
  }

  clear(): void {
    this.#live.clear();
    this.#backlog.clear();
  }
}

function bytesOf({ payload }: InboxItem): number {
  return Math.max(MESSAGE_BYTES_MIN, payload.length);
}

function isBacklog({ topic, payload }: InboxItem): boolean {
  if (topic !== "batch") return false;
  const lane = laneOfBatch(payload);
  return lane === "backfill" || lane === "evidence";
}

/** What waits of one session: in the order of its arrival, from `next` on. */
interface SessionQueue {
  items: InboxItem[];
  next: number;
}

/** So many messages of each session in turn; of a session, in the order of their arrival. */
class TurnQueue {
  readonly #turnMessages: number;
  /** In the order of their turns. */
  readonly #waiting = new Map<Session, SessionQueue>();
  bytes = 0;

  constructor(turnMessages: number) {
    this.#turnMessages = turnMessages;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  add(item: InboxItem): void {
    const queue = this.#waiting.get(item.session);
    if (queue === undefined) this.#waiting.set(item.session, { items: [item], next: 0 });
    else queue.items.push(item);
    this.bytes += bytesOf(item);
  }

  take(limits: InboxLimits): InboxItem[] {
    const taken: InboxItem[] = [];
    let bytes = 0;
    const hasRoom = (item: InboxItem): boolean =>
      taken.length < limits.messages && (taken.length === 0 || bytes + bytesOf(item) <= limits.bytes);
    // A session that is set again goes to the end, and its turn comes again in the same loop.
    for (const [session, queue] of this.#waiting) {
      const { items, next: from } = queue;
      const to = Math.min(from + this.#turnMessages, items.length);
      while (queue.next < to && hasRoom(items[queue.next])) {
        taken.push(items[queue.next]);
        bytes += bytesOf(items[queue.next]);
        queue.next += 1;
      }
      if (queue.next === from) break;
      this.#waiting.delete(session);
      if (queue.next < items.length) this.#waiting.set(session, queue);
      // Not with each turn: of one with very much to say that takes longer than all else.
      if (queue.next > items.length / 8) {
        queue.items = items.slice(queue.next);
        queue.next = 0;
      }
    }
    this.bytes -= bytes;
    return taken;
  }

  clear(): void {
    this.#waiting.clear();
    this.bytes = 0;
  }
}
