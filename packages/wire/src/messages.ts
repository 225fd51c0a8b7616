import type { Frontier, Lane } from "@millrace/stream";

/**
 * What agent and central say to each other, beside batches. JSON in MQTT payloads; unknown keys are ignored, so that a
 * newer side can say more. Topics (MQTT 3.1.1; an agent may publish and subscribe only under its own name):
 *
 *   up    millrace/v1/{agent}/hello      Hello      first, after every connect; nothing else is taken before it
 *         millrace/v1/{agent}/batch      SealedBatch bytes (see sealed-batch.ts), QoS 0: the acknowledgement is ours
 *         millrace/v1/{agent}/heartbeat  Heartbeat  every second
 *   down  millrace/v1/{agent}/welcome    Welcome | Refusal
 *         millrace/v1/{agent}/ack        Ack        after the batches are durable at central
 *         millrace/v1/{agent}/echo       Echo       answers each heartbeat: finds half-open links
 */
export interface Hello {
  readonly agent: string;
  readonly site: string;
  /** 32 hex digits: the name of this outbox. */
  readonly storeId: string;
  /** Random name of this process; tells a reconnect from a second holder of the same store. */
  readonly instance: string;
  readonly program: string;
  /** Wire versions that the agent writes, best first. */
  readonly wireVersions: readonly number[];
  /** Epoch of new batches; 0 before central has given one. */
  readonly epoch: number;
  readonly lanes: Readonly<Record<Lane, LaneMarks>>;
  readonly clockMs: number;
}

/** One lane of the outbox, as the agent's disk has it. Sequences begin at 1. */
export interface LaneMarks {
  /** Oldest sequence still held, acknowledged ones included; `next` when the lane is empty. */
  readonly oldest: number;
  /** Greatest sequence that may ever have been sent: durable before the first send. */
  readonly sent: number;
  /** The sequence that the next append takes. */
  readonly next: number;
  /** Where each epoch begins among the sequences held, ascending: `[{ epoch, from }]`. */
  readonly epochs: readonly { readonly epoch: number; readonly from: number }[];
}

export interface Welcome {
  readonly type: "welcome";
  /** When it differs from the agent's: move every batch above `sent` to it, then send. */
  readonly epoch: number;
  readonly wireVersion: number;
  /** Per lane: central holds everything up to here, over all epochs. The agent sends on from the next one. */
  readonly marks: Readonly<Record<Lane, number>>;
  readonly clockMs: number;
}

export interface Refusal {
  readonly type: "refusal";
  readonly code: "store_held" | "wire_version" | "unknown_agent" | "malformed_hello";
  readonly reason: string;
  readonly retryAfterMs: number;
}

export interface Ack {
  readonly lane: Lane;
  /** Central holds every sequence of this lane up to here, durably. */
  readonly mark: number;
}

export interface Heartbeat {
  readonly instance: string;
  /** Counts up in one session; comes back in the echo. */
  readonly beat: number;
  readonly sentAtMs: number;
  readonly frontier: Frontier;
  readonly ledger: Readonly<Record<string, number>>;
  /** What the agent wants shown: link, series count, alarms active, outage hours left… */
  readonly status: Readonly<Record<string, number | string | boolean>>;
}

export interface Echo {
  readonly beat: number;
  readonly clockMs: number;
}
