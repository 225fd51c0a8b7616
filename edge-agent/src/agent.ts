import type { Pipeline } from "@millrace/config";
import type { Outcome } from "@millrace/detect";
import type { Change } from "@millrace/queue";
import { type Clock, MillraceError, type Timer } from "@millrace/runtime";
import type { Labels } from "@millrace/stream";
import type { SparkplugHearing } from "@millrace/wire";
import type { LabelCheck } from "./actions/label-check.ts";
import type { MaintenanceDesk } from "./actions/maintenance-desk.ts";
import type { AgentOptions } from "./agent-options.ts";
import { type AgentParts, openAgentParts } from "./agent-parts.ts";
import { LAZY_COMMIT_MS } from "./durability/durability-waits.ts";
import type { KeptRecords } from "./durability/kept-records.ts";
import type { LastEndStatus } from "./durability/last-end.ts";
import type { EvidenceBounds } from "./evidence/evidence-topics.ts";
import type { FilePositions } from "./inputs/files/file-positions.ts";
import type { HostReading } from "./inputs/host-input.ts";
import type { Arrival, Subscriptions } from "./inputs/input.ts";
import type { Junk } from "./inputs/junk.ts";
import type { Receipt, Reception } from "./intake/reception.ts";
import type { Route } from "./intake/topic-routes.ts";
import type { AgentStatus } from "./status/agent-status.ts";

/** The rules are told of time at least so often. */
export const RULES_INTERVAL_MS_MAX = 250;

/**
 * The gateway program without its sockets: readings in, batches out, everything between durable. One `Agent` holds one
 * store. Time, chance, disk and link are arguments, so the same code runs in simulated time. What it is made of:
 * agent-parts.ts.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #parts: AgentParts;
  readonly #reception: Reception;
  #rulesAtMs = Number.NEGATIVE_INFINITY;
  readonly #timers: { tick?: Timer; rules?: Timer } = {};

  private constructor(options: AgentOptions, parts: AgentParts) {
    this.#options = options;
    this.#parts = parts;
    this.#reception = parts.reception;
  }

  /** Opens the store's state: checkpoint, then the redo log. Nothing runs before `start`. */
  static async open(options: AgentOptions): Promise<Agent> {
    const parts = await openAgentParts(options);
    const { recovery, tables, paneCheckpoint, intake, rules, held, queue } = parts;
    const { windowJudge, running, lossBook, paneSealer, pending, commits, recorder, outcomes } = parts;
    await recovery.restorePanes(tables, paneCheckpoint);
    const replayed = [...(await recovery.replay(intake, rules))];
    const onOutcomes = (more: readonly Outcome[]) => {
      for (const outcome of more) replayed.push(outcome);
    };
    // Most of what was passed before has been judged before: the rules' own state knows. The rest is as history.
    windowJudge.judge(onOutcomes, { isResumed: true });
    running.measure(options.pipeline.metrics);
    // First: what is sealed says how far the agent is, and of what is lost it must not be further.
    lossBook.recovered(pending.next, recovery, {
      heldReadings: held.count,
      openReadings: paneSealer.openReadings,
    });
    paneSealer.sealRecovered(pending.next);
    queue.begin(pending.next, options.instance);
    commits.requestNow();
    recorder?.remember(rules.activeAlarms());
    outcomes.handle(replayed);
    return new Agent(options, parts);
  }

  start(): void {
    this.#parts.uplink.start();
    this.#tickRules();
    this.#tick();
  }

  /**
   * Takes one MQTT publish in. With QoS 1 the promise resolves when every reading in it is durable or durably counted
   * as rejected; it rejects when it cannot be taken now, so that the sensor sends it again. Rules have run either way.
   * What is taken is in the next commit: a position saved in the same turn is durable together with it, or not at all.
   */
  receive(arrival: Arrival): Receipt {
    return this.#reception.receive(arrival);
  }

  /** A reading of the gateway's own sensors; nobody waits for it. */
  receiveHost(reading: HostReading): void {
    this.#reception.receiveHost(reading);
  }

  /** What an input could make no payload of: a few a second are kept to be looked at, and nobody waits for it. */
  setAside(junk: Junk): void {
    const { clock } = this.#options;
    const { quarantine, commits } = this.#parts;
    const time = { atMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    if (quarantine.addJunk(junk, time)) commits.request(LAZY_COMMIT_MS);
  }

  /** The connection that Sparkplug messages come through is gone. */
  sparkplugLost(via: string): void {
    this.#sparkplugHeard(this.#parts.sparkplug.lost(via));
  }

  #sparkplugHeard(hearing: SparkplugHearing<Route>): void {
    if (this.#reception.heard(hearing)) this.#parts.commits.request(LAZY_COMMIT_MS);
  }

  /** For inputs: the greatest payloads where they are kept as they are, by the pipeline of the moment. */
  readonly evidence: EvidenceBounds = {
    bytesMax: (topic) => this.#reception.reading.evidence.bytesMax(topic),
    largestBytesMax: () => this.#reception.reading.evidence.largestBytesMax(),
  };

  /** For the input that reads files. */
  get filePositions(): FilePositions {
    return this.#parts.filePositions;
  }

  /** For the embedded broker. */
  get brokerRecords(): KeptRecords {
    return this.#parts.brokerRecords;
  }

  /** Takes changes of the store into the next commit. */
  keep(changes: readonly Change[]): Promise<void> {
    const { pending, waits } = this.#parts;
    for (const change of changes) pending.push(change);
    return waits.until({ isUrgent: false });
  }

  /** Panes, as soon as they may leave. */
  #tick(): void {
    const { clock, config } = this.#options;
    const { paneSealer, commits, emission, isLinkLive } = this.#parts;
    paneSealer.due();
    commits.request(isLinkLive() && emission.hasLiveRows() ? 0 : LAZY_COMMIT_MS);
    this.#timers.tick = clock.after(config.commit.liveIntervalMs, () => this.#tick());
  }

  /** What the rules see of time and windows, however seldom panes leave. */
  #tickRules(): void {
    const { clock, config } = this.#options;
    const { guard, admission, rules, outcomes, maintenance, recorder, sparkplug } = this.#parts;
    const nowMs = guard.nowMs();
    const steadyMs = guard.steadyMs();
    this.#rulesAtMs = clock.monotonicMs();
    admission.look();
    outcomes.handle(rules.onTick({ nowMs, monotonicMs: clock.monotonicMs(), steadyMs }));
    maintenance.tick();
    recorder?.tick();
    this.#sparkplugHeard(sparkplug.tick());
    this.judgeWindows();
    const intervalMs = Math.min(config.commit.liveIntervalMs, RULES_INTERVAL_MS_MAX);
    this.#timers.rules = clock.after(intervalMs, () => this.#tickRules());
  }

  /** Has the rules judge what has been passed by now, as each tick does: before commands can go out no more. */
  judgeWindows(): void {
    const { windowJudge, outcomes } = this.#parts;
    windowJudge.judge(outcomes.handle);
  }

  /** What the inputs must subscribe to: for readings, and the agent's own; and where it commands. */
  subscriptions(): Subscriptions {
    return this.#parts.running.subscriptions();
  }

  /**
   * Another pipeline is to come, if the brokers give what it reads: returns what the inputs must subscribe to for both. What
   * arrives for it alone is kept until `changePipeline`, or until it is `expectNoPipeline`.
   */
  expectPipeline(pipeline: Pipeline): Subscriptions {
    return this.#parts.running.expect(pipeline);
  }

  expectNoPipeline(): void {
    this.#reception.settle();
  }

  /**
   * Another pipeline, between two readings. What does not change goes on to the bit. Throws before anything has changed.
   * `record` goes into the commit that carries whatever depends on the pipeline; resolves once that is durable: a crash
   * before finds the old one, wholly, and after it the new one.
   */
  changePipeline(pipeline: Pipeline, record: readonly Change[] = []): Promise<void> {
    return this.#parts.running.change(pipeline, record);
  }

  /** `limits.seriesPerMetricMax`; in windows of rules it counts from the next start. */
  setSeriesMax(seriesPerMetricMax: number): void {
    this.#parts.running.setSeriesMax(seriesPerMetricMax);
  }

  /** Ends latched alarms whose condition is over; those that still hold stay. `all` means all; `by` goes into the audit trail. */
  resetAlarms(which: string, by: string): { readonly resetCount: number } {
    return this.#parts.operators.resetAlarms(which, by);
  }

  /** Series with these labels that are silent are missed no longer, until they are heard again: their alarms end. */
  forgetSeries(labels: Labels, by: string): { readonly forgottenCount: number } {
    return this.#parts.operators.forgetSeries(labels, by);
  }

  /** A line of the audit trail that is no alarm's. */
  audit(line: object): void {
    this.#parts.operators.audit(line);
  }

  /** Whether anything can have these labels, and how many series do: a slip of the pen must not pass for a maintenance. */
  checkLabels(labels: Labels): LabelCheck {
    return this.#parts.operators.checkLabels(labels);
  }

  /** What is in maintenance: whoever asks begins and ends it here. */
  get maintenance(): Pick<MaintenanceDesk, "begin" | "end"> {
    return this.#parts.maintenance;
  }

  /** Everything that `millrace-agent status` and the status page show. */
  status(): AgentStatus {
    return this.#parts.status();
  }

  /** How the run before has ended; null where no store tells. */
  get lastEnd(): LastEndStatus | null {
    return this.#parts.lastEnd;
  }

  /** Readings that have come so far, in this run and before. */
  get receivedCount(): number {
    return this.#parts.ledger.totals.received;
  }

  /** Why the store takes no writes now; null while it does. */
  get storeFailure(): string | null {
    return this.#parts.commits.failure ?? null;
  }

  /** Since the rules were told of time, ms: far more than a quarter of a second means that nothing runs as it should. */
  get rulesSilentMs(): number {
    return this.#options.clock.monotonicMs() - this.#rulesAtMs;
  }

  /**
   * Orderly stop: sends the open panes, waits up to `drainMs` for central to hold everything, and leaves the rest in the
   * outbox. Inputs must have stopped. Rejects with `stop_undurable` soon after it began when the store takes no writes.
   */
  async stop(drainMs: number): Promise<void> {
    const { clock, log } = this.#options;
    const { admission, paneSealer, recorder, commits, sealer, uplink } = this.#parts;
    admission.stop();
    // What the last readings have passed: no tick may come any more.
    this.judgeWindows();
    paneSealer.last();
    recorder?.finish();
    if (commits.isFailing) log.error("stopping while the store takes no writes", this.#undurable());
    commits.hurry();
    await commits.flush();
    while (!sealer.isEmpty && !commits.isFailing) await commits.flush();
    uplink.wake();
    const deadlineMs = clock.monotonicMs() + drainMs;
    while (this.#isDraining() && clock.monotonicMs() < deadlineMs) {
      await pause(clock, 20);
      commits.hurry();
      await commits.flush();
    }
    for (const timer of Object.values(this.#timers)) timer.cancel();
    uplink.stop();
    await commits.flush();
    await commits.stop();
    if (commits.isFailing) throw new MillraceError("stop_undurable", this.#undurable());
  }

  #isDraining(): boolean {
    const { uplink, outbox, commits } = this.#parts;
    return uplink.isUp && !outbox.isEmpty && !commits.isFailing;
  }

  #undurable(): { readings: number; reason: string } {
    const { groupCommit, commits } = this.#parts;
    return { readings: groupCommit.pendingReadings, reason: commits.failure ?? "" };
  }
}

function pause(clock: Clock, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  clock.after(delayMs, resolve);
  return promise;
}
