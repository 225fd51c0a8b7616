import type { ServerResponse } from "node:http";
import type { Clock, Random, Timer } from "@millrace/runtime";
import { labelsKey } from "@millrace/stream";
import type { WindowResult } from "@millrace/stream";
import type { AgentView } from "../agents/agent-view.ts";
import type { AlarmView } from "../alarms/alarm-view.ts";
import type { CentralChange, CentralReader } from "./central-reader.ts";

/** What has changed is told at most this often, 4 times a second, in as many frames as it takes. */
export const FRAME_INTERVAL_MS = 250;
/** Of a kind in one frame: some milliseconds. Between two frames everybody else has a turn. */
const FRAME_ITEMS_MAX = 1_000;
/** Changed windows that wait for their frame; of more some are left out, and counted in the frame. */
export const WINDOWS_WAITING_MAX = 50_000;
/** After so long without a frame an empty one says that central lives: a page cannot see comments. */
export const HEARTBEAT_INTERVAL_MS = 1_000;
/** A client that has more than this still to read gets no deltas, and a fresh snapshot once it has read it. */
export const CLIENT_BYTES_MAX = 4_194_304;
/** A client that does not read for so long is closed. */
const STALLED_MS_MAX = 30_000;
export const STREAM_CLIENTS_MAX = 200;

/** Frames are kept so long for clients that come back, and made so long after the last client has gone. */
export const RESUME_MS = 60_000;
const RESUME_BYTES_MAX = 8_388_608;

export interface StreamClientOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** The id of the last frame that it has; undefined: none. */
  readonly lastEventId: string | undefined;
  /** Whether it may change something: its page is told. */
  readonly isControlAllowed: boolean;
  /** Asked each second; the stream ends when it may not read any more. */
  readonly isAllowed: () => boolean;
}

interface StreamClient extends Pick<StreamClientOptions, "isControlAllowed" | "isAllowed"> {
  readonly response: ServerResponse;
  behindSinceMs: number | null;
}

/**
 * The dashboard's one multiplexed stream of server-sent events: a `snapshot`, then `delta` frames of what has changed,
 * serialised once for all clients. Sequence numbers rise by one per frame of a client's stream, so that a gap is seen. What is
 * more than a frame holds follows in the next ones: alarms wait for no more than the one that is being made.
 */
export class EventStream {
  readonly #reader: CentralReader;
  readonly #clock: Clock;
  /** Of this process: numbers begin again with each. */
  readonly #run: string;
  readonly #kept: { readonly seq: number; readonly text: string; readonly atMs: number }[] = [];
  #keptBytes = 0;
  /** When there was a client last; monotonic, ms. */
  #attendedMs = Number.NEGATIVE_INFINITY;
  readonly #clients = new Set<StreamClient>();
  readonly #unsubscribe: () => void;
  readonly #agents = new Map<string, AgentView>();
  readonly #alarms = new Map<string, AlarmView>();
  readonly #windows = new Map<string, WindowResult>();
  /** Changes of windows that no frame will have. */
  #truncatedCount = 0;
  #seq = 0;
  #frameTimer: Timer | null = null;
  #lastFrameMs = Number.NEGATIVE_INFINITY;
  /** When what had changed was last begun to be told: the frames that it took more are no reason to wait. */
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #heartbeatTimer: Timer;
  #behindCount = 0;

  constructor(options: { readonly reader: CentralReader; readonly clock: Clock; readonly random: Random }) {
    const { reader, clock, random } = options;
    this.#reader = reader;
    this.#clock = clock;
    this.#run = random.hex(4);
    this.#unsubscribe = reader.subscribe((change) => this.#gather(change));
    this.#heartbeatTimer = clock.after(HEARTBEAT_INTERVAL_MS, () => this.#heartbeat());
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  /** How often a client fell behind and was given a fresh snapshot. */
  get behindCount(): number {
    return this.#behindCount;
  }

  get #id(): string {
    return `${this.#run}-${this.#seq}`;
  }

  get isFull(): boolean {
    return this.#clients.size >= STREAM_CLIENTS_MAX;
  }

  /** Takes over a response whose headers are not sent; the caller has seen that it is not full. */
  add(response: ServerResponse, options: StreamClientOptions): void {
    const { headers, lastEventId, isControlAllowed, isAllowed } = options;
    response.writeHead(200, {
      ...headers,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    const client: StreamClient = { response, isControlAllowed, isAllowed, behindSinceMs: null };
    this.#clients.add(client);
    response.on("close", () => this.#clients.delete(client));
    response.on("error", () => this.#clients.delete(client));
    response.write("retry: 1000\n\n");
    // Everybody's gathered changes leave first, so that the snapshot's number fits what follows it.
    this.#frame();
    const missed = this.#missedSince(lastEventId);
    if (missed === null) this.#snapshot(client);
    else for (const text of missed) response.write(text);
  }

  close(): void {
    this.#unsubscribe();
    this.#frameTimer?.cancel();
    this.#heartbeatTimer.cancel();
    for (const client of this.#clients) client.response.end();
    this.#clients.clear();
  }

  /** The frames behind the one with this id; null where they are not all there any more. */
  #missedSince(id: string | undefined): string[] | null {
    const [, run, number] = /^([0-9a-f]+)-(\d+)$/.exec(id ?? "") ?? [];
    const seq = Number(number);
    if (run !== this.#run || seq > this.#seq || seq < (this.#kept[0]?.seq ?? this.#seq + 1) - 1) return null;
    return this.#kept.filter((frame) => frame.seq > seq).map(({ text }) => text);
  }

  #keep(text: string): void {
    const atMs = this.#clock.monotonicMs();
    this.#kept.push({ seq: this.#seq, text, atMs });
    this.#keptBytes += text.length;
    while (this.#keptBytes > RESUME_BYTES_MAX || (this.#kept[0]?.atMs ?? atMs) < atMs - RESUME_MS)
      this.#keptBytes -= this.#kept.shift()?.text.length ?? 0;
  }

  /** Whether anybody listens, or may come back for what it has missed. */
  #isAttended(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (this.#clients.size > 0) this.#attendedMs = nowMs;
    return nowMs - this.#attendedMs <= RESUME_MS;
  }

  #gather(change: CentralChange): void {
    if (!this.#isAttended()) {
      // What came meanwhile is in no frame: nobody can go on behind it.
      this.#kept.length = 0;
      this.#keptBytes = 0;
      this.#seq += 1;
      return;
    }
    for (const agent of change.agents) this.#agents.set(agent.agent, agent);
    for (const alarm of change.alarms) this.#alarms.set(`${alarm.agent}\0${alarm.id}`, alarm);
    for (const window of change.windows) {
      const key = `${window.window}\0${window.startMs}\0${labelsKey(window.group)}`;
      if (this.#windows.size < WINDOWS_WAITING_MAX || this.#windows.has(key)) this.#windows.set(key, window);
      else this.#truncatedCount += 1;
    }
    if (this.#frameTimer !== null) return;
    const waitMs = Math.max(0, this.#toldAtMs + FRAME_INTERVAL_MS - this.#clock.monotonicMs());
    this.#frameTimer = this.#clock.after(waitMs, () => this.#frame());
  }

  get #isWaiting(): boolean {
    return this.#agents.size + this.#alarms.size + this.#windows.size > 0;
  }

  #frame(): void {
    if (this.#isWaiting) this.#toldAtMs = this.#clock.monotonicMs();
    this.#tell();
  }

  #tell(): void {
    this.#frameTimer?.cancel();
    this.#frameTimer = null;
    if (!this.#isWaiting) return;
    this.#sendDelta();
    if (this.#isWaiting) this.#frameTimer = this.#clock.after(0, () => this.#tell());
  }

  #sendDelta(): void {
    this.#lastFrameMs = this.#clock.monotonicMs();
    this.#seq += 1;
    const [agents, alarms, windows] = [taken(this.#agents), taken(this.#alarms), taken(this.#windows)];
    const truncated = this.#truncatedCount;
    this.#truncatedCount = 0;
    const text = frame("delta", this.#id, {
      seq: this.#seq,
      serverTimeMs: this.#clock.nowMs(),
      ...(agents.length === 0 ? {} : { agents }),
      ...(alarms.length === 0 ? {} : { alarms }),
      ...(windows.length === 0 ? {} : { windows }),
      ...(truncated === 0 ? {} : { truncated }),
      ledger: this.#reader.ledgerSum(),
    });
    this.#keep(text);
    for (const client of this.#clients) this.#send(client, text);
  }

  #send(client: StreamClient, text: string): void {
    const { response } = client;
    if (client.behindSinceMs === null && response.writableLength <= CLIENT_BYTES_MAX) {
      response.write(text);
      return;
    }
    if (client.behindSinceMs === null) {
      client.behindSinceMs = this.#clock.monotonicMs();
      this.#behindCount += 1;
    }
    this.#recover(client);
  }

  /** Sends a fresh snapshot once the client has read what it had; closes one that has stalled. */
  #recover(client: StreamClient): void {
    if (client.behindSinceMs === null) return;
    if (client.response.writableLength === 0) {
      client.behindSinceMs = null;
      this.#snapshot(client);
    } else if (this.#clock.monotonicMs() - client.behindSinceMs > STALLED_MS_MAX) {
      client.response.destroy();
      this.#clients.delete(client);
    }
  }

  #end(client: StreamClient): void {
    client.response.end();
    this.#clients.delete(client);
  }

  #snapshot(client: StreamClient): void {
    const text = frame("snapshot", this.#id, {
      seq: this.#seq,
      serverTimeMs: this.#clock.nowMs(),
      isControlAllowed: client.isControlAllowed,
      pipeline: this.#reader.pipeline(),
      agents: this.#reader.agents(),
      alarms: this.#reader.alarms().slice(0, 1_000),
      windows: this.#reader.recentWindows(),
      ledger: this.#reader.ledgerSum(),
    });
    client.response.write(text);
  }

  #heartbeat(): void {
    for (const client of this.#clients) {
      if (client.isAllowed()) this.#recover(client);
      else this.#end(client);
    }
    const sinceMs = this.#clock.monotonicMs() - this.#lastFrameMs;
    const isDue = this.#isAttended() && sinceMs >= HEARTBEAT_INTERVAL_MS;
    if (isDue && this.#isWaiting) this.#frame();
    else if (isDue) this.#sendDelta();
    this.#heartbeatTimer = this.#clock.after(HEARTBEAT_INTERVAL_MS, () => this.#heartbeat());
  }
}

/** Takes out what one frame holds. */
function taken<Item>(waiting: Map<string, Item>): Item[] {
  const items: Item[] = [];
  for (const [key, item] of waiting) {
    if (items.length === FRAME_ITEMS_MAX) break;
    items.push(item);
    waiting.delete(key);
  }
  return items;
}

function frame(event: "snapshot" | "delta", id: string, data: object): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
