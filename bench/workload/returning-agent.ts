import type { AgentConnection, Hello, UpTopic } from "@millrace/wire";
import { encodeMessage, parseAck, WIRE_VERSION } from "@millrace/wire";
import type { PaneRows } from "@millrace/stream";
import type { Central } from "../../central/src/central.ts";
import { sealedPanes } from "./sealed-panes.ts";

const BACKLOG_IN_FLIGHT = 32;

/** An agent that comes back with a backlog, and measures how long central takes to hold what is live. */
export class ReturningAgent {
  readonly liveLagsMs: number[] = [];
  readonly #central: Central;
  readonly #agent: string;
  readonly #site: string;
  readonly #storeId: string;
  readonly #live: PaneRows;
  readonly #backlog: readonly Uint8Array[];
  readonly #connection: AgentConnection;
  readonly #liveSentMs = new Map<number, number>();
  #onDelivered = (): void => {};
  #liveNext = 1;
  #sent = 0;
  #acked = 0;

  constructor(options: {
    readonly central: Central;
    readonly number: number;
    /** Sealed, of the store of this number; made before the agent connects: that work is not what is measured. */
    readonly backlog: readonly Uint8Array[];
    /** What `sendLive` says each time. */
    readonly live: PaneRows;
  }) {
    const { central, number, backlog, live } = options;
    this.#storeId = storeIdOf(number);
    this.#live = live;
    this.#backlog = backlog;
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

  /** `onDelivered` is called once central holds all of its backlog. */
  connect(onDelivered: () => void = () => {}): void {
    this.#onDelivered = onDelivered;
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
    const batch = {
      storeId: this.#storeId,
      lane: "live",
      sequence,
      rows: this.#live,
      watermarkMs: null,
    } as const;
    this.#send("batch", sealedPanes(batch));
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
      const isNew = mark > this.#acked;
      this.#acked = mark;
      this.#sendBacklog();
      if (isNew && this.isDelivered) this.#onDelivered();
    }
    if (lane !== "live") return;
    for (const [sequence, sentMs] of this.#liveSentMs) {
      if (sequence > mark) break;
      this.#liveSentMs.delete(sequence);
      this.liveLagsMs.push(performance.now() - sentMs);
    }
  }

  #send(topic: UpTopic, payload: Uint8Array): void {
    this.#central.onMessage(this.#connection, topic, payload);
  }
}

/** The store of a returning agent. */
export function storeIdOf(number: number): string {
  return number.toString(16).padStart(32, "0");
}
