import {
  type Backoff,
  createBackoff,
  type Clock,
  type Logger,
  type Random,
  type Timer,
} from "@millrace/runtime";
import { type BatchQueue } from "@millrace/queue";
import { LANES, type Lane } from "@millrace/stream";
import {
  type AgentRequest,
  type DownTopic,
  encodeMessage,
  type Heartbeat,
  type Hello,
  parseAck,
  parseEcho,
  parseWelcome,
  type Refusal,
  type UplinkTransport,
  type Welcome,
  WIRE_VERSIONS_READ,
} from "@millrace/wire";
import type { HeartbeatContent } from "./heartbeat-content.ts";
import { ToldStatus } from "./told-status.ts";
import { UplinkWindow } from "./uplink-window.ts";

/** `refused`: central said why; the batches stay in the outbox until it takes them. */
export type LinkState = "down" | "connecting" | "up" | "refused";

export interface UplinkOptions {
  readonly agent: string;
  readonly site: string;
  /** Random name of this process. */
  readonly instance: string;
  readonly program: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly transport: UplinkTransport;
  readonly queue: BatchQueue;
  readonly inFlightBatchesMax: number;
  readonly backfillBytesPerSecond: number;
  readonly outbox: UplinkOutbox;
  /** A heartbeat's echo has come. */
  echoed(roundTripMs: number): void;
  /** Central has told its clock, in an answer that came `roundTripMs` after the question. */
  clockTold(centralMs: number, roundTripMs: number): void;
  /** What central asks for now, with every echo. */
  requested(requests: readonly AgentRequest[]): void;
}

/** What the uplink needs of the agent: everything that touches the store goes through its one commit at a time. */
export interface UplinkOutbox {
  /** The first sequence of the lane that is not durable yet. */
  durableNext(lane: Lane): number;
  /** The first sequence of the lane that must not be sent yet. */
  sendableNext(lane: Lane): number;
  /** Asks for the durable mark that precedes a first send; `wake` follows it. */
  markSent(lane: Lane, sequence: number): void;
  acknowledged(lane: Lane, mark: number): void;
  /** Takes over the epoch and the marks that central told at connect. */
  welcomed(welcome: Welcome): void;
  heartbeat(): HeartbeatContent;
}

/** A batch that was sent and is not acknowledged. */
interface Sent {
  readonly sequence: number;
  readonly bytes: number;
  /** With all that was in flight beside it. */
  readonly flightBytes: number;
  /** Null when it was sent before: its acknowledgement may be of either sending. */
  readonly sentAtMs: number | null;
}

const HEARTBEAT_INTERVAL_MS = 1_000;
/** No welcome, or nothing heard, for this long: the link is half open and is closed. */
const SILENCE_MS_MAX = 5_000;
/** No progress of the acknowledged mark for this long: what is in flight is sent again. */
const RESEND_AFTER_MS = 5_000;
/** Nothing comes back while a batch is on its way: on a link as slow as this it has its time beside both limits. */
const SLOWEST_LINK_BYTES_PER_SECOND = 4_000;
const READ_BATCHES_MAX = 16;
/** Batches of a lane that are marked as sent before there is room for them: few, for those are not evicted. */
const REACH_BATCHES_MAX = 64;
/** More than this that the operating system does not take: it has enough to send. */
const UNSENT_BYTES_MAX = 64 * 1024;
const BUSY_RETRY_MS = 50;

/**
 * Carries the outbox to central: hello and welcome, then batches in flight (alarm before live before backfill, as much as
 * the link carries, backfill at a paced byte rate), acknowledgements, and a heartbeat whose echo proves that the link
 * works end to end.
 */
export class Uplink {
  readonly #options: UplinkOptions;
  readonly #backoff: Backoff;
  /** Of hellos. Central is there, and answers as soon as it can: it is not waited for longer than that takes. */
  readonly #helloBackoff: Backoff;
  #state: LinkState = "down";
  #reason = "not started";
  #turnedAtMs: number;
  /** Counts connections: an answer that belongs to an earlier one is ignored. */
  #session = 0;
  #isStopped = false;
  #isPumping = false;
  #mustPumpAgain = false;
  #timers: Timer[] = [];
  #pumpTimer: Timer | undefined;
  #cursor: Record<Lane, number> = { alarm: 1, live: 1, backfill: 1, evidence: 1 };
  #mark: Record<Lane, number> = { alarm: 0, live: 0, backfill: 0, evidence: 0 };
  #progressAtMs: Record<Lane, number> = { alarm: 0, live: 0, backfill: 0, evidence: 0 };
  #helloAtMs = 0;
  /** By sequence. */
  #inFlight: Record<Lane, Sent[]> = { alarm: [], live: [], backfill: [], evidence: [] };
  /** The first sequence that this session has not sent yet. */
  #unsent: Record<Lane, number> = { alarm: 1, live: 1, backfill: 1, evidence: 1 };
  /** An older central does not: it stays in the outbox. */
  #takesEvidence = false;
  #window = new UplinkWindow();
  /** Null: an older central, which wants the status with each heartbeat. */
  #toldStatus: ToldStatus | null = null;
  #beat = 0;
  #beatAtMs = 0;
  #heardAtMs = 0;
  #pacedBudgetBytes = 0;
  #budgetAtMs = 0;
  #clockOffsetMs: number | null = null;

  constructor(options: UplinkOptions) {
    this.#options = options;
    const { random } = options;
    this.#backoff = createBackoff({ random, firstMs: 200, maxMs: 15_000 });
    this.#helloBackoff = createBackoff({ random, firstMs: 200, maxMs: 2_000 });
    this.#turnedAtMs = options.clock.monotonicMs();
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  /** How long the link has been without a welcome, ms; 0 while it is up. */
  get downForMs(): number {
    return this.isUp ? 0 : this.#options.clock.monotonicMs() - this.#downSinceMs;
  }

  #downSinceMs = Number.NEGATIVE_INFINITY;

  status(): { state: LinkState; reason: string; sinceMs: number; clockOffsetMs: number | null } {
    return {
      state: this.#state,
      reason: this.#reason,
      sinceMs: Math.round(this.#options.clock.monotonicMs() - this.#turnedAtMs),
      clockOffsetMs: this.#clockOffsetMs,
    };
  }

  /** The last sequence of the lane that there may be room for next. */
  lastInReach(lane: Lane): number {
    return this.#cursor[lane] + this.#reachBatches - 1;
  }

  get #reachBatches(): number {
    return Math.min(REACH_BATCHES_MAX, this.#options.inFlightBatchesMax);
  }

  start(): void {
    this.#downSinceMs = this.#options.clock.monotonicMs();
    this.#connect();
  }

  stop(): void {
    this.#isStopped = true;
    this.#endSession("stopped");
    this.#options.transport.close();
  }

  /** Something new is durable in the outbox. */
  wake(): void {
    void this.#pump();
  }

  #connect(): void {
    if (this.#isStopped) return;
    this.#session += 1;
    const session = this.#session;
    this.#setState("connecting", "connecting");
    this.#options.transport.connect({
      opened: () => {
        if (session === this.#session) this.#sayHello();
      },
      message: (topic, payload) => {
        if (session === this.#session) this.#receive(topic, payload);
      },
      closed: (reason) => {
        if (session === this.#session) this.#closed(reason);
      },
    });
  }

  #sayHello(): void {
    const { queue, agent, site, instance, program, clock } = this.#options;
    const hello: Hello = {
      agent,
      site,
      storeId: queue.storeId,
      instance,
      program,
      wireVersions: [...WIRE_VERSIONS_READ],
      epoch: queue.epoch,
      lanes: queue.marks(),
      runs: queue.runs,
      clockMs: clock.nowMs(),
    };
    this.#helloAtMs = clock.monotonicMs();
    this.#options.transport.send("hello", encodeMessage(hello));
    this.#timers.push(
      clock.after(SILENCE_MS_MAX, () => this.#hangUp("no answer to hello", this.#helloBackoff)),
    );
  }

  #receive(topic: DownTopic, payload: Uint8Array): void {
    this.#heardAtMs = this.#options.clock.monotonicMs();
    switch (topic) {
      case "welcome": {
        const parsed = parseWelcome(payload);
        if (!parsed.ok) return this.#hangUp(`unreadable welcome: ${parsed.detail}`);
        if (parsed.message.type === "welcome") return this.#welcomed(parsed.message);
        return this.#refused(parsed.message);
      }
      case "ack": {
        const parsed = parseAck(payload);
        if (parsed.ok && this.isUp) this.#acknowledged(parsed.message.lane, parsed.message.mark);
        return;
      }
      case "echo": {
        const parsed = parseEcho(payload);
        if (!parsed.ok) return;
        this.#toldStatus?.echoed(parsed.message.beat);
        if (parsed.message.beat === this.#beat) {
          const roundTripMs = this.#heardAtMs - this.#beatAtMs;
          this.#options.echoed(roundTripMs);
          this.#clockTold(parsed.message.clockMs, roundTripMs);
        }
        this.#options.requested(parsed.message.requests ?? []);
        return;
      }
    }
  }

  /** Up at once: what must be on disk before it is sent waits there, and heartbeats say why. */
  #welcomed(welcome: Welcome): void {
    // A doubled welcome says nothing new.
    if (this.#state !== "connecting") return;
    this.#cancelTimers();
    const { clock } = this.#options;
    this.#clockTold(welcome.clockMs, clock.monotonicMs() - this.#helloAtMs);
    this.#options.outbox.welcomed(welcome);
    const nowMs = clock.monotonicMs();
    for (const lane of LANES) {
      const mark = welcome.marks[lane] ?? 0;
      this.#mark[lane] = mark;
      this.#cursor[lane] = mark + 1;
      this.#progressAtMs[lane] = nowMs;
      this.#inFlight[lane] = [];
      this.#unsent[lane] = mark + 1;
    }
    this.#takesEvidence = welcome.marks.evidence !== undefined;
    this.#toldStatus = welcome.keepsStatus === true ? new ToldStatus() : null;
    this.#window = new UplinkWindow();
    this.#budgetAtMs = nowMs;
    this.#pacedBudgetBytes = 0;
    this.#backoff.reset();
    this.#helloBackoff.reset();
    this.#setState("up", "connected");
    this.#options.log.info("uplink is up", { epoch: welcome.epoch });
    this.#beatNow(this.#session);
    void this.#pump();
  }

  #clockTold(centralMs: number | null, roundTripMs: number): void {
    if (centralMs === null) return;
    this.#clockOffsetMs = centralMs - this.#options.clock.nowMs();
    this.#options.clockTold(centralMs, roundTripMs);
  }

  #refused({ code, reason, retryAfterMs }: Refusal): void {
    this.#options.log.repeated(`uplink refused: ${code}`, "central refuses the uplink", { code, reason });
    this.#endSession(`${code}: ${reason}`);
    this.#setState("refused", `${code}: ${reason}`);
    this.#options.transport.close();
    this.#reconnectAfter(retryAfterMs);
  }

  #acknowledged(lane: Lane, mark: number): void {
    if (mark <= this.#mark[lane]) return;
    this.#mark[lane] = mark;
    this.#progressAtMs[lane] = this.#options.clock.monotonicMs();
    this.#takeOutOfFlight(lane, mark);
    if (this.#cursor[lane] <= mark) this.#cursor[lane] = mark + 1;
    this.#options.outbox.acknowledged(lane, mark);
    void this.#pump();
  }

  /** The newest of those acknowledged together waited for nothing but the link and one commit. */
  #takeOutOfFlight(lane: Lane, mark: number): void {
    const inFlight = this.#inFlight[lane];
    const firstKept = inFlight.findIndex(({ sequence }) => sequence > mark);
    const acknowledged = inFlight.splice(0, firstKept < 0 ? inFlight.length : firstKept);
    const newest = acknowledged.at(-1);
    if (newest === undefined || newest.sentAtMs === null) return;
    this.#window.acknowledged({
      bytes: sumBytes(acknowledged),
      flightBytes: newest.flightBytes,
      delayMs: this.#options.clock.monotonicMs() - newest.sentAtMs,
    });
  }

  #beatNow(session: number): void {
    if (session !== this.#session || !this.isUp) return;
    const { clock, instance, outbox, transport } = this.#options;
    const nowMs = clock.monotonicMs();
    const batchesMs = this.#batchesMs();
    if (nowMs - this.#heardAtMs > SILENCE_MS_MAX + batchesMs)
      return this.#hangUp("no echo: the link is half open");
    for (const lane of LANES) {
      const isInFlight = this.#cursor[lane] > this.#mark[lane] + 1;
      if (!isInFlight) this.#progressAtMs[lane] = nowMs;
      else if (nowMs - this.#progressAtMs[lane] > RESEND_AFTER_MS + batchesMs) {
        this.#cursor[lane] = this.#mark[lane] + 1;
        this.#progressAtMs[lane] = nowMs;
        this.#inFlight[lane] = [];
        this.#window.timedOut();
      }
    }
    this.#beat += 1;
    this.#beatAtMs = nowMs;
    const { status, ...content } = outbox.heartbeat();
    const heartbeat: Heartbeat = {
      instance,
      beat: this.#beat,
      sentAtMs: clock.nowMs(),
      ...content,
      status: this.#toldStatus === null ? status : this.#toldStatus.of(status, this.#beat),
    };
    transport.send("heartbeat", encodeMessage(heartbeat));
    this.#timers = [clock.after(HEARTBEAT_INTERVAL_MS, () => this.#beatNow(session))];
    void this.#pump();
  }

  /** What one batch of each lane, the greatest in flight, takes on the slowest link. */
  #batchesMs(): number {
    const bytes = LANES.map((lane) => Math.max(0, ...this.#inFlight[lane].map((sent) => sent.bytes)));
    return (bytes.reduce((sum, each) => sum + each, 0) / SLOWEST_LINK_BYTES_PER_SECOND) * 1000;
  }

  /** Sends while there is room in flight. One runner at a time; a wake during a run makes it look again. */
  async #pump(): Promise<void> {
    if (this.#isPumping) {
      this.#mustPumpAgain = true;
      return;
    }
    this.#isPumping = true;
    try {
      do {
        this.#mustPumpAgain = false;
        while (await this.#sendSome()) {
          // Each round sends one lane's next batches; the order of lanes is looked at again after it.
        }
      } while (this.#mustPumpAgain);
    } catch (error) {
      this.#options.log.error("cannot read the outbox", { error });
      this.#hangUp("outbox unreadable");
    } finally {
      this.#isPumping = false;
    }
  }

  /** Sends the next batches of the first lane that has any; false when there is nothing to do now. */
  async #sendSome(): Promise<boolean> {
    if (!this.isUp) return false;
    const session = this.#session;
    const { queue, outbox, transport } = this.#options;
    const lane = this.#nextLane();
    if (lane === undefined) return false;
    const from = this.#cursor[lane];
    const count = Math.min(this.#batchesInRoom(lane), outbox.sendableNext(lane) - from);
    const batches = await queue.read(lane, from, count);
    for (const { sequence, bytes } of batches) {
      if (session !== this.#session || !this.isUp) return false;
      if (sequence < this.#cursor[lane]) continue;
      if (sequence >= outbox.sendableNext(lane) || !this.#hasRoom(lane)) return true;
      if (!transport.send("batch", bytes)) {
        this.#pumpLater(BUSY_RETRY_MS);
        return false;
      }
      this.#sent(lane, sequence, bytes.length);
      if (isPaced(lane)) this.#pacedBudgetBytes -= bytes.length;
    }
    // Nothing to read there: these sequences were given up; a `skipped` batch behind them says so.
    if (this.#cursor[lane] === from) this.#cursor[lane] = from + count;
    return true;
  }

  #sent(lane: Lane, sequence: number, bytes: number): void {
    this.#cursor[lane] = sequence + 1;
    const isFirst = sequence >= this.#unsent[lane];
    if (isFirst) this.#unsent[lane] = sequence + 1;
    this.#inFlight[lane].push({
      sequence,
      bytes,
      flightBytes: bytes + LANES.reduce((sum, each) => sum + sumBytes(this.#inFlight[each]), 0),
      sentAtMs: isFirst ? this.#options.clock.monotonicMs() : null,
    });
  }

  #nextLane(): Lane | undefined {
    const { outbox } = this.#options;
    for (const lane of LANES) {
      if (lane === "evidence" && !this.#takesEvidence) continue;
      const next = this.#cursor[lane];
      const durableNext = outbox.durableNext(lane);
      if (next >= durableNext) continue;
      const sendableNext = outbox.sendableNext(lane);
      // In time, so that a less urgent lane does not take the room while the mark is on its way to the disk.
      if (sendableNext < Math.min(next + this.#reachBatches / 2, durableNext))
        outbox.markSent(lane, Math.min(this.lastInReach(lane), durableNext - 1));
      if (next >= sendableNext || !this.#hasRoom(lane)) continue;
      if (isPaced(lane) && !this.#hasPacedBudget()) continue;
      return lane;
    }
    return undefined;
  }

  /** Only what is as urgent counts against a lane: none waits for room behind a less urgent one. */
  #flightUpTo(lane: Lane): readonly Sent[] {
    return LANES.slice(0, LANES.indexOf(lane) + 1).flatMap((each) => this.#inFlight[each]);
  }

  #hasRoom(lane: Lane): boolean {
    const flight = this.#flightUpTo(lane);
    if (flight.length >= this.#options.inFlightBatchesMax) return false;
    if (lane === "alarm") return true;
    if (this.#options.transport.bufferedBytes > UNSENT_BYTES_MAX) {
      this.#pumpLater(BUSY_RETRY_MS);
      return false;
    }
    return this.#window.hasRoom(sumBytes(flight));
  }

  /** How many of the lane to read at once: by their usual size as many as there is room for, at least one. */
  #batchesInRoom(lane: Lane): number {
    const { queue, inFlightBatchesMax } = this.#options;
    const flight = this.#flightUpTo(lane);
    const { queuedBytes, queuedBatches } = queue.lane(lane);
    const roomBytes = this.#window.bytes - sumBytes(flight);
    const byBytes = Math.ceil((roomBytes * queuedBatches) / Math.max(1, queuedBytes));
    return Math.max(1, Math.min(READ_BATCHES_MAX, inFlightBatchesMax - flight.length, byBytes));
  }

  /** A bucket that fills at the paced rate and holds at most a second of it; one batch may overdraw it. */
  #hasPacedBudget(): boolean {
    const { clock, backfillBytesPerSecond } = this.#options;
    const nowMs = clock.monotonicMs();
    const gainedBytes = ((nowMs - this.#budgetAtMs) / 1000) * backfillBytesPerSecond;
    this.#pacedBudgetBytes = Math.min(this.#pacedBudgetBytes + gainedBytes, backfillBytesPerSecond);
    this.#budgetAtMs = nowMs;
    if (this.#pacedBudgetBytes >= 0) return true;
    this.#pumpLater((-this.#pacedBudgetBytes / backfillBytesPerSecond) * 1000 + 1);
    return false;
  }

  #pumpLater(delayMs: number): void {
    this.#pumpTimer?.cancel();
    this.#pumpTimer = this.#options.clock.after(delayMs, () => void this.#pump());
  }

  /** Ends the session first: what the transport says of its closing is no news. */
  #hangUp(reason: string, backoff = this.#backoff): void {
    this.#closed(reason, backoff);
    this.#options.transport.close();
  }

  #closed(reason: string, backoff = this.#backoff): void {
    this.#endSession(reason);
    this.#options.log.repeated(`uplink down: ${reason}`, "uplink is down", { reason });
    this.#reconnectAfter(backoff.nextMs());
  }

  #endSession(reason: string): void {
    this.#session += 1;
    this.#cancelTimers();
    this.#setState("down", reason);
  }

  #reconnectAfter(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timers.push(this.#options.clock.after(delayMs, () => this.#connect()));
  }

  #cancelTimers(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.#pumpTimer?.cancel();
    this.#pumpTimer = undefined;
  }

  #setState(state: LinkState, reason: string): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#state === "up" && state !== "up") this.#downSinceMs = nowMs;
    // Each try is a state of its own; to people the link is down until it is up.
    if ((this.#state === "up") !== (state === "up")) this.#turnedAtMs = nowMs;
    this.#state = state;
    this.#reason = reason;
  }
}

/** What does not hurry shares one budget, backlog before evidence. */
function isPaced(lane: Lane): boolean {
  return lane === "backfill" || lane === "evidence";
}

function sumBytes(flight: readonly Sent[]): number {
  return flight.reduce((sum, { bytes }) => sum + bytes, 0);
}
