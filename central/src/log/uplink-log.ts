import type { UpTopic } from "@millrace/wire";
import type { InboxLimits } from "../sessions/inbox.ts";
import type { Envelope } from "./opened-message.ts";

/** What an agent said, on its way through the log. */
export interface LogEntry {
  readonly agent: string;
  readonly site: string;
  readonly topic: UpTopic;
  readonly payload: Uint8Array;
  readonly envelope: Envelope;
  /** When central took it; of what an agent wrote itself, the record's time. */
  readonly atMs: number;
  /** The connection of this process that it came by. Null: of an earlier process, or of none. */
  readonly connection: string | null;
  /** `agent`: it stands in the log because its agent wrote it there itself, without asking central. */
  readonly writer: "central" | "agent";
  /** It was there before this process had read the log to its end: its time tells how old it is. */
  readonly isOld: boolean;
  /** To be called once the log holds it, or it is given up and will come again. */
  readonly settled?: (() => void) | undefined;
}

/** Where a partition is to be read on, once all before it is in central's state. */
export interface LogPosition {
  readonly partition: number;
  readonly next: number;
  /** Which log of this name that is: one that is made anew is another. Absent where nobody tells. */
  readonly identity?: string | undefined;
  /** Up to here it is taken together with the other partitions, the earliest first. Absent where the order does not matter. */
  readonly inOrderTo?: number | undefined;
}

/** What was there no more when it should have been read, or could not be. */
export interface LogGap extends LogPosition {
  readonly from: number;
  /** All of it came before: windows that begin before this may lack some of it. */
  readonly untilMs: number;
  /** What is wrong with it, and what lies there; undefined: it is gone. */
  readonly damage?: { readonly reason: string; readonly bytes: Uint8Array } | undefined;
}

/** A record that is none of this program's. */
export interface StrangeRecord {
  readonly partition: number;
  readonly offset: number;
  readonly atMs: number;
  readonly payload: Uint8Array;
}

/** Of one commit: it holds what these entries do to the state and the positions behind them, or nothing of both. */
export interface LogTurn {
  readonly entries: readonly LogEntry[];
  readonly positions: readonly LogPosition[];
  readonly gaps: readonly LogGap[];
  readonly strange: readonly StrangeRecord[];
}

export interface LogView {
  readonly kind: "embedded" | "kafka";
  readonly state: "starting" | "no_topic" | "catching_up" | "up" | "trouble" | "stopped";
  /** Why it does not go on; "" while it does. */
  readonly reason: string;
  /** By partition: records that are there and not yet in central's state. */
  readonly lag: Readonly<Record<number, number>>;
  /** Partitions that could not be read for so long that the others are read without them. */
  readonly leftOut: readonly number[];
  /** Taken from agents, and not yet read back. */
  readonly waitingBytes: number;
  /** Since the start. */
  readonly appendedEntries: number;
}

export interface LogStart {
  /** By partition, where central's state goes on; one that is not here is read from its beginning. */
  readonly positions: ReadonlyMap<number, LogPosition>;
  /** What is there now is new to central's state: of all partitions it is taken by its time, as it came. */
  readonly isAnew: boolean;
  /** There is something to take, or there is room again. */
  readonly wake: () => void;
}

/**
 * What lies between the intake and the state. What is appended comes back by `take` once, in the order of each agent,
 * after it is durable or with the commit that makes it so; what is lost on the way the agents send again, since nothing is
 * acknowledged before the commit that holds it. Entries may come twice.
 */
export interface UplinkLog {
  /** Entries outlive central's state, others may write some too, and what is read may be of long ago. */
  readonly isApart: boolean;
  start(options: LogStart): void;
  /** While false, nothing is to be appended: it has enough to do, or is not there. */
  readonly hasRoom: boolean;
  append(entries: readonly LogEntry[]): void;
  readonly isEmpty: boolean;
  take(limits: InboxLimits): LogTurn;
  /** All that was there when it was first looked at has been taken. */
  readonly isCaughtUp: boolean;
  /** How far it has been taken, by the time of its entries; Infinity where all has been, as far as it can be asked. */
  readonly takenToMs: number;
  readonly view: LogView;
  close(): Promise<void>;
}
