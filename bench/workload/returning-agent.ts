import type { AgentConnection, Hello, UpTopic } from "@millrace/wire";
import { encodeMessage, encodePaneBatch, parseAck, sealBatch, WIRE_VERSION } from "@millrace/wire";
import type { PaneRows } from "@millrace/stream";
import type { Central } from "../../central/src/central.ts";

const BACKLOG_IN_FLIGHT = 32;

/** An agent that comes back with a backlog, and measures how long central takes to hold what is live. */
export class ReturningAgent {
  readonly liveLagsMs: number[] = [];
  readonly #central: Central;
  readonly #agent: string;
  readonly #site: string;
  readonly #storeId: string;
  readonly #live: Uint8Array;
  readonly #backlog: readonly Uint8Array[];
  readonly #connection: AgentConnection;
  readonly #liveSentMs = new Map<number, number>();
  #liveNext = 1;
  #sent = 0;
  #acked = 0;

  constructor(options: {
    readonly central: Central;
    readonly number: number;
    /** Panes of so many seconds ago. */
    readonly rows: (second: number) => PaneRows;
    readonly backlogCount: number;
  }) {
    const { central, number, rows, backlogCount } = options;
    this.#storeId = number.toString(16).padStart(32, "0");
    // Made before the agent connects: its own work is not what is measured.
    this.#live = this.#body(rows(0));
    this.#backlog = Array.from({ length: backlogCount }, (_, index) =>
      this.#batch("backfill", index + 1, this.#body(rows(backlogCount - index))),
    );
    this.#central = central;
    this.#agent = `agent-${number}`;
    this.#site = `site-${number}`;
    this.#connection = {
      id: String(number),
      agent: this.#agent,
      send: (topic, payload) => {
        if (topic === "welcome") this.#sendBacklog();
        else if (topic === "ack") this.#take(payload);
      },
      // At the end.
      close: () => {},
    };
  }

  get isDelivered(): boolean {
    return this.#acked === this.#backlog.length;
  }

  connect(): void {
    const lane = { oldest: 1, sent: 0, next: 1, epochs: [] };
    const hello: Hello = {
      agent: this.#agent,
      site: this.#site,
      storeId: this.#storeId,
      instance: "one",
      program: "bench",
      wireVersions: [WIRE_VERSION],
      epoch: 0,
      lanes: {
        alarm: lane,
        live: lane,
        backfill: { ...lane, next: this.#backlog.length + 1 },
        evidence: lane,
      },
      clockMs: Date.now(),
    };
    this.#central.onOpen(this.#connection);
    this.#send("hello", encodeMessage(hello));
  }

  /** The panes of the second before the start. */
  sendLive(): void {
    const sequence = this.#liveNext;
    this.#liveNext += 1;
    this.#liveSentMs.set(sequence, performance.now());
    this.#send("batch", this.#batch("live", sequence, this.#live));
  }

  #sendBacklog(): void {
    const to = Math.min(this.#backlog.length, this.#acked + BACKLOG_IN_FLIGHT);
    for (const batch of this.#backlog.slice(this.#sent, to)) this.#send("batch", batch);
    this.#sent = Math.max(this.#sent, to);
  }

  #take(payload: Uint8Array): void {
    const ack = parseAck(payload);
    if (!ack.ok) return;
    const { lane, mark } = ack.message;
    if (lane === "backfill") {
      this.#acked = mark;
      this.#sendBacklog();
    }
    if (lane !== "live") return;
    for (const [sequence, sentMs] of this.#liveSentMs) {
      if (sequence > mark) break;
      this.#liveSentMs.delete(sequence);
      this.liveLagsMs.push(performance.now() - sentMs);
    }
  }

  #body(rows: PaneRows): Uint8Array {
    return encodePaneBatch({
      frontier: {
        epoch: 1,
        number: 1,
        watermarkMs: null,
        isIdle: false,
        isClockSynchronised: true,
        pending: [],
        holds: { alarm: 0, live: 0, backfill: 0 },
      },
      sections: [rows],
    });
  }

  #batch(lane: "live" | "backfill", sequence: number, body: Uint8Array): Uint8Array {
    return sealBatch({
      wireVersion: WIRE_VERSION,
      lane,
      kind: "panes",
      storeId: this.#storeId,
      epoch: 1,
      sequence,
      sealedAtMs: Date.now(),
      readingCount: 0,
      startMs: 0,
      endMs: 0,
      body,
      isCompressed: false,
      bodyBytesRaw: body.length,
    });
  }

  #send(topic: UpTopic, payload: Uint8Array): void {
    this.#central.onMessage(this.#connection, topic, payload);
  }
}
