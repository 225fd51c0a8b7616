import { LANES } from "@millrace/stream";
import {
  type AgentRequest,
  decodeSkippedBatch,
  encodeMessage,
  type Heartbeat,
  openBatch,
  parseHeartbeat,
  parseHello,
  type SealedBatch,
  type UplinkHandlers,
  type UplinkTransport,
} from "@millrace/wire";

/** Central, as far as one agent sees it: records, and answers when asked to. */
export class ScriptedCentral implements UplinkTransport {
  readonly batches: SealedBatch[] = [];
  readonly heartbeats: Heartbeat[] = [];
  readonly hellos: number[] = [];
  refusedCount = 0;
  epoch = 1;
  isReachable = true;
  isEchoing = true;
  bufferedBytes = 0;
  marks = { alarm: 0, live: 0, backfill: 0, evidence: 0 };
  /** False: a central from before evidence. */
  takesEvidence = true;
  /** False: a central that wants the status with each heartbeat. */
  keepsStatus = false;
  clockMs: () => number;
  requests: readonly AgentRequest[] = [];
  #handlers: UplinkHandlers | undefined;

  constructor(clockMs: () => number) {
    this.clockMs = clockMs;
  }

  connect(handlers: UplinkHandlers): void {
    this.#handlers = handlers;
    queueMicrotask(() => (this.isReachable ? handlers.opened() : handlers.closed("unreachable")));
  }

  send(topic: "hello" | "batch" | "heartbeat", payload: Uint8Array): boolean {
    if (topic === "hello") {
      const hello = parseHello(payload);
      if (hello.ok) this.hellos.push(hello.message.epoch);
      this.#answer("welcome", {
        type: "welcome",
        epoch: this.epoch,
        wireVersion: 1,
        marks: this.takesEvidence ? this.marks : { ...this.marks, evidence: undefined },
        clockMs: this.clockMs(),
        keepsStatus: this.keepsStatus || undefined,
      });
    } else if (topic === "batch") {
      const opened = openBatch(payload);
      if (opened.ok) this.batches.push(opened.batch);
      else this.refusedCount += 1;
    } else {
      const heartbeat = parseHeartbeat(payload);
      if (heartbeat.ok) {
        this.heartbeats.push(heartbeat.message);
        if (this.isEchoing)
          this.#answer("echo", {
            beat: heartbeat.message.beat,
            clockMs: this.clockMs(),
            requests: this.requests,
          });
      }
    }
    return true;
  }

  /** Acknowledges everything received, or that many more batches of each lane. */
  acknowledge(batchCount = Number.POSITIVE_INFINITY): void {
    const marksMax = Object.fromEntries(LANES.map((lane) => [lane, this.marks[lane] + batchCount]));
    for (const { lane, sequence, kind, body } of this.batches) {
      const skipped = kind === "skipped" ? decodeSkippedBatch(body) : undefined;
      const mark = skipped?.ok === true ? skipped.message.to : sequence;
      if (sequence <= marksMax[lane]) this.marks[lane] = Math.max(this.marks[lane], mark);
    }
    for (const lane of LANES) this.#answer("ack", { lane, mark: this.marks[lane] });
  }

  hangUp(): void {
    this.#handlers?.closed("hung up");
  }

  close(): void {}

  #answer(topic: "welcome" | "ack" | "echo", message: Parameters<typeof encodeMessage>[0]): void {
    const handlers = this.#handlers;
    queueMicrotask(() => handlers?.message(topic, encodeMessage(message)));
  }
}
