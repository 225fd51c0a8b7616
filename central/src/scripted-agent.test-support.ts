import { paneLayout, PaneTable } from "@millrace/stream";
import type { Frontier, Labels, Lane, PaneRows } from "@millrace/stream";
import { testFrontier } from "@millrace/testkit";
import {
  encodeAlarmBatch,
  encodeMessage,
  encodePaneBatch,
  encodeSkippedBatch,
  parseAck,
  parseEcho,
  parseWelcome,
  sealBatch,
  WIRE_VERSION,
} from "@millrace/wire";
import type {
  AgentConnection,
  AgentRequest,
  AlarmEvent,
  DownTopic,
  Hello,
  LaneMarks,
  Refusal,
  RequestAnswer,
  SealedBatch,
  UpTopic,
  Welcome,
} from "@millrace/wire";

export interface Receiver {
  onOpen(connection: AgentConnection): void;
  onMessage(connection: AgentConnection, topic: UpTopic, payload: Uint8Array): void;
  onClose(connection: AgentConnection): void;
}

const EMPTY_LANE: LaneMarks = { oldest: 1, sent: 0, next: 1, epochs: [] };
const LAYOUT = paneLayout(1_000, ["mean"]);
let connectionNumber = 0;

/** One connection of an agent that says exactly what a test tells it to. */
export class ScriptedAgent {
  readonly agent: string;
  readonly site: string;
  readonly storeId: string;
  readonly acks: Partial<Record<Lane, number>> = {};
  readonly answers: (Welcome | Refusal)[] = [];
  /** Of the last echo. */
  requests: readonly AgentRequest[] = [];
  closedReason: string | null = null;
  readonly #central: Receiver;
  readonly #clockMs: () => number;
  readonly #connection: AgentConnection;

  /** @param clockMs the agent's clock. */
  constructor(
    central: Receiver,
    clockMs: () => number,
    options: { agent?: string; site?: string; storeId?: string } = {},
  ) {
    this.#central = central;
    this.#clockMs = clockMs;
    this.agent = options.agent ?? "alpha-1";
    this.site = options.site ?? "alpha";
    this.storeId = options.storeId ?? "a".repeat(32);
    connectionNumber += 1;
    this.#connection = {
      id: String(connectionNumber),
      agent: this.agent,
      send: (topic, payload) => this.#take(topic, payload),
      close: (reason) => (this.closedReason = reason),
    };
    central.onOpen(this.#connection);
  }

  get welcome(): Welcome | undefined {
    return this.answers.find((answer) => answer.type === "welcome");
  }

  get refusal(): Refusal | undefined {
    return this.answers.find((answer) => answer.type === "refusal");
  }

  hello(
    changes: Partial<Omit<Hello, "lanes">> & { lanes?: Partial<Record<Lane, Partial<LaneMarks>>> } = {},
  ): void {
    const { lanes = {}, ...rest } = changes;
    const hello: Hello = {
      agent: this.agent,
      site: this.site,
      storeId: this.storeId,
      instance: "one",
      program: "test",
      wireVersions: [WIRE_VERSION],
      epoch: 0,
      lanes: {
        alarm: { ...EMPTY_LANE, ...lanes.alarm },
        live: { ...EMPTY_LANE, ...lanes.live },
        backfill: { ...EMPTY_LANE, ...lanes.backfill },
        evidence: { ...EMPTY_LANE, ...lanes.evidence },
      },
      clockMs: this.#clockMs(),
      ...rest,
    };
    this.send("hello", encodeMessage(hello));
  }

  /** A batch of one reading of metric `t`, in the pane of `timeMs`. */
  panes(
    sequence: number,
    timeMs: number,
    options: {
      epoch?: number;
      lane?: Lane;
      value?: number;
      frontier?: Partial<Frontier>;
      labels?: Labels;
      metric?: string;
      paneMs?: number;
      unread?: PaneRows["unread"];
    } = {},
  ): void {
    const layout = options.paneMs === undefined ? LAYOUT : paneLayout(options.paneMs, LAYOUT.names);
    const table = new PaneTable(options.metric ?? "t", layout, { rowsMax: 10 });
    table.add(0, timeMs, options.value ?? sequence);
    const section = table.take(() => options.labels ?? { site: this.site, machine: "m" });
    const body = encodePaneBatch({
      frontier: testFrontier({ epoch: options.epoch ?? 1, ...options.frontier }),
      sections: [options.unread === undefined ? section : { ...section, unread: options.unread }],
    });
    this.batch(sequence, body, {
      kind: "panes",
      readingCount: 1,
      startMs: timeMs,
      endMs: timeMs + 1,
      epoch: options.epoch,
      lane: options.lane,
    });
  }

  alarms(sequence: number, events: readonly AlarmEvent[]): void {
    this.batch(sequence, encodeAlarmBatch(events), { kind: "alarms", lane: "alarm" });
  }

  skipped(from: number, to: number, readings: number, fields: Partial<SealedBatch> = {}): void {
    this.batch(from, encodeSkippedBatch({ from, to, readings, reason: "evicted" }), {
      kind: "skipped",
      readingCount: readings,
      ...fields,
    });
  }

  batch(sequence: number, body: Uint8Array, fields: Partial<SealedBatch>): void {
    const { epoch, lane, ...rest } = fields;
    const bytes = sealBatch({
      wireVersion: WIRE_VERSION,
      lane: lane ?? "live",
      kind: "panes",
      storeId: this.storeId,
      epoch: epoch ?? 1,
      sequence,
      sealedAtMs: 0,
      readingCount: 0,
      startMs: 0,
      endMs: 0,
      body,
      isCompressed: false,
      bodyBytesRaw: body.length,
      ...rest,
    });
    this.send("batch", bytes);
  }

  /** `status`: null where it tells none. */
  beat(
    changes: Partial<Frontier> = {},
    answers: readonly RequestAnswer[] = [],
    status: Readonly<Record<string, number>> | null = {},
  ): void {
    const heartbeat = {
      answers,
      instance: "one",
      beat: 1,
      sentAtMs: this.#clockMs(),
      frontier: testFrontier(changes),
      ledger: {},
      status: status === null ? undefined : { link: "up", ...status },
    };
    this.send("heartbeat", encodeMessage(heartbeat));
  }

  send(topic: UpTopic, payload: Uint8Array): void {
    this.#central.onMessage(this.#connection, topic, payload);
  }

  hangUp(): void {
    this.#central.onClose(this.#connection);
  }

  #take(topic: DownTopic, payload: Uint8Array): void {
    if (topic === "ack") {
      const ack = parseAck(payload);
      if (ack.ok) this.acks[ack.message.lane] = Math.max(this.acks[ack.message.lane] ?? 0, ack.message.mark);
    } else if (topic === "welcome") {
      const answer = parseWelcome(payload);
      if (answer.ok) this.answers.push(answer.message);
    } else {
      const echo = parseEcho(payload);
      if (echo.ok) this.requests = echo.message.requests ?? [];
    }
  }
}
