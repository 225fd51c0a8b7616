import type { ServerResponse } from "node:http";
import type { Clock, Timer } from "@millrace/runtime";
import { labelsKey } from "@millrace/stream";
import type { WindowResult } from "@millrace/stream";
import type { AgentView } from "../core/agent-view.ts";
import type { AlarmView } from "../core/alarm-view.ts";
import type { CentralChange, CentralReader } from "./central-reader.ts";

/** Frames at most this often: 4 a second. */
export const FRAME_INTERVAL_MS = 250;
/** After so long without a frame an empty one says that central lives: a page cannot see comments. */
export const HEARTBEAT_INTERVAL_MS = 1_000;
/** A client that has more than this still to read gets no deltas, and a fresh snapshot once it has read it. */
export const CLIENT_BYTES_MAX = 4_194_304;
/** A client that does not read for so long is closed. */
const STALLED_MS_MAX = 30_000;
export const STREAM_CLIENTS_MAX = 200;

interface StreamClient {
  readonly response: ServerResponse;
  behindSinceMs: number | null;
}

/**
 * The dashboard's one multiplexed stream of server-sent events: a `snapshot`, then `delta` frames of what has changed,
 * serialised once for all clients. Sequence numbers rise by one per frame of a client's stream, so that a gap is seen.
 */
export class EventStream {
  readonly #reader: CentralReader;
  readonly #clock: Clock;
  readonly #isControlAllowed: boolean;
  readonly #clients = new Set<StreamClient>();
  readonly #unsubscribe: () => void;
  readonly #agents = new Map<string, AgentView>();
  readonly #alarms = new Map<string, AlarmView>();
  readonly #windows = new Map<string, WindowResult>();
  #seq = 0;
  #frameTimer: Timer | null = null;
  #lastFrameMs = Number.NEGATIVE_INFINITY;
  #heartbeatTimer: Timer;
  #behindCount = 0;

  constructor(options: {
    readonly reader: CentralReader;
    readonly clock: Clock;
    readonly isControlAllowed: boolean;
  }) {
    const { reader, clock, isControlAllowed } = options;
    this.#reader = reader;
    this.#clock = clock;
    this.#isControlAllowed = isControlAllowed;
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

  get isFull(): boolean {
    return this.#clients.size >= STREAM_CLIENTS_MAX;
  }

  /** Takes over a response whose headers are not sent; the caller has seen that it is not full. */
  add(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
    response.writeHead(200, {
      ...headers,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    const client: StreamClient = { response, behindSinceMs: null };
    this.#clients.add(client);
    response.on("close", () => this.#clients.delete(client));
    response.on("error", () => this.#clients.delete(client));
    response.write("retry: 1000\n\n");
    // Everybody's gathered changes leave first, so that the snapshot's number fits what follows it.
    this.#frame();
    this.#snapshot(client);
  }

  close(): void {
    this.#unsubscribe();
    this.#frameTimer?.cancel();
    this.#heartbeatTimer.cancel();
    for (const client of this.#clients) client.response.end();
    this.#clients.clear();
  }

  #gather(change: CentralChange): void {
    if (this.#clients.size === 0) return;
    for (const agent of change.agents) this.#agents.set(agent.agent, agent);
    for (const alarm of change.alarms) this.#alarms.set(`${alarm.agent}\0${alarm.id}`, alarm);
    for (const window of change.windows) {
      this.#windows.set(`${window.window}\0${window.startMs}\0${labelsKey(window.group)}`, window);
    }
    if (this.#frameTimer !== null) return;
    const waitMs = Math.max(0, this.#lastFrameMs + FRAME_INTERVAL_MS - this.#clock.monotonicMs());
    this.#frameTimer = this.#clock.after(waitMs, () => this.#frame());
  }

  #frame(): void {
    this.#frameTimer?.cancel();
    this.#frameTimer = null;
    if (this.#agents.size + this.#alarms.size + this.#windows.size > 0) this.#sendDelta();
  }

  #sendDelta(): void {
    this.#lastFrameMs = this.#clock.monotonicMs();
    this.#seq += 1;
    const text = frame("delta", this.#seq, {
      seq: this.#seq,
      serverTimeMs: this.#clock.nowMs(),
      ...(this.#agents.size === 0 ? {} : { agents: [...this.#agents.values()] }),
      ...(this.#alarms.size === 0 ? {} : { alarms: [...this.#alarms.values()] }),
      ...(this.#windows.size === 0 ? {} : { windows: [...this.#windows.values()] }),
      ledger: this.#reader.ledgerSum(),
    });
    this.#agents.clear();
    this.#alarms.clear();
    this.#windows.clear();
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

  #snapshot(client: StreamClient): void {
    const text = frame("snapshot", this.#seq, {
      seq: this.#seq,
      serverTimeMs: this.#clock.nowMs(),
      isControlAllowed: this.#isControlAllowed,
      pipeline: this.#reader.pipeline(),
      agents: this.#reader.agents(),
      alarms: this.#reader.alarms().slice(0, 1_000),
      windows: this.#reader.recentWindows(),
      ledger: this.#reader.ledgerSum(),
    });
    client.response.write(text);
  }

  #heartbeat(): void {
    for (const client of this.#clients) this.#recover(client);
    if (this.#clock.monotonicMs() - this.#lastFrameMs >= HEARTBEAT_INTERVAL_MS) this.#sendDelta();
    this.#heartbeatTimer = this.#clock.after(HEARTBEAT_INTERVAL_MS, () => this.#heartbeat());
  }
}

function frame(event: "snapshot" | "delta", seq: number, data: object): string {
  return `id: ${seq}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
