import type { Clock } from "@millrace/runtime";
import type { Lane } from "@millrace/stream";
import { encodeMessage } from "@millrace/wire";
import { withEvidence } from "../agents/with-evidence.ts";
import type { CentralWatches } from "../alarms/central-watches.ts";
import type { CentralChange } from "../api/central-reader.ts";
import type { CentralLifecycle } from "../central-lifecycle.ts";
import type { EvidenceChecker } from "../evidence/evidence-checker.ts";
import type { RollUpPace } from "../history/roll-up-pace.ts";
import type { SeriesHistory } from "../history/series-history.ts";
import type { LogGate } from "../log/log-gate.ts";
import type { UplinkLog } from "../log/uplink-log.ts";
import type { RecordApplier } from "../records/record-applier.ts";
import type { RecordInbox } from "../records/record-inbox.ts";
import type { RecordIntake } from "../records/record-intake.ts";
import type { RequestBook } from "../requests/request-book.ts";
import type { Session } from "../sessions/session.ts";
import type { CentralState } from "../state/central-state.ts";
import type { WindowHistory } from "../windows/window-history.ts";
import type { TickedWindows, WindowTick } from "../windows/window-tick.ts";
import type { ChangeListeners } from "./change-listeners.ts";
import type { CommitActions } from "./commit-actions.ts";
import type { CommitPlan } from "./commit-loop.ts";
import type { DurableMoment } from "./durable-moment.ts";
import type { AfterCommit, Moment } from "./message-applier.ts";
import type { MessageTurn } from "./message-turn.ts";

/** Of the windows that a tick has shown, as many may be opened by records meanwhile where agents wait. */
const SHARE_BESIDE_AGENTS = 0.25;
const NO_WINDOWS: TickedWindows = { results: [], trimmed: [], trimSeriesAtMs: null };

interface CommitTurnOptions {
  readonly state: CentralState;
  readonly lifecycle: CentralLifecycle;
  readonly durable: DurableMoment;
  readonly actions: CommitActions;
  readonly listeners: ChangeListeners;
  readonly messages: MessageTurn;
  readonly logGate: LogGate;
  readonly uplinkLog: UplinkLog;
  readonly recordIntake: RecordIntake;
  readonly recordInbox: RecordInbox;
  readonly recordApplier: RecordApplier;
  readonly requests: RequestBook;
  readonly watches: CentralWatches;
  readonly evidenceChecker: EvidenceChecker;
  readonly windowTick: WindowTick;
  readonly windowHistory: WindowHistory;
  readonly seriesHistory: SeriesHistory | null;
  readonly rollUps: RollUpPace;
  readonly clock: Clock;
}

/** What a turn says once its commit is durable. */
interface Publication {
  readonly after: AfterCommit;
  /** To whoever waits for records, or for what was to be done. */
  readonly answers: readonly (() => void)[];
  readonly change: CentralChange;
  readonly nowMs: number;
  /** When the turn began, where it rolled up history. */
  readonly rolledFromMs: number | null;
}

/** One turn of the commit loop: what has come is applied to the state in memory, and what that changes is one commit. */
export class CommitTurn {
  readonly #options: CommitTurnOptions;
  /** Results of the last tick. */
  #shownCount = 0;

  constructor(options: CommitTurnOptions) {
    this.#options = options;
  }

  /** Whether a turn is to follow at once, and not only with the next tick. */
  get isUrgent(): boolean {
    const { state, rollUps } = this.#options;
    // There may be more results than the last tick had room for.
    return this.#hasWaiting || rollUps.isDue || state.engine.isCutShort;
  }

  get #hasWaiting(): boolean {
    const { logGate, actions, recordInbox } = this.#options;
    return logGate.isWaiting || !actions.isEmpty || !recordInbox.isEmpty;
  }

  async plan(isTick: boolean): Promise<CommitPlan> {
    const { state, actions, durable, messages, recordIntake, rollUps, seriesHistory, watches, windowTick } =
      this.#options;
    const beganMs = this.#options.clock.monotonicMs();
    const isRolling = rollUps.begin({ isTick, hasWaiting: this.#hasWaiting });
    const wasCutShort = state.engine.isCutShort;
    recordIntake.keepStreams();
    durable.ahead();
    watches.noteWaking();
    const after: AfterCommit = { acks: new Map(), sends: [] };
    const moment = await messages.apply(after);
    const recordAnswers = await this.#applyRecords({ isTick, wasCutShort }, moment);
    const done = actions.begin();
    if (isTick) this.#lookAfter(moment);
    const windows = isTick || wasCutShort ? await windowTick.run(moment) : NO_WINDOWS;
    if (isTick || wasCutShort) this.#shownCount = windows.results.length;
    const { changes, isSync, alarms } = state.takeChanges(moment);
    const ofHistory = await seriesHistory?.takeChanges({
      monotonicMs: moment.monotonicMs,
      isRolling,
      trimAtMs: windows.trimSeriesAtMs,
    });
    const ofLeft = isTick ? await state.left.takeChanges(moment.monotonicMs) : [];
    const agents = isTick
      ? withEvidence(state.agents.takeChanged(), (agent) => state.ledger.totals(agent))
      : [];
    return {
      changes: changes.concat(ofHistory ?? [], windows.trimmed, ofLeft),
      isSync,
      publish: () =>
        this.#publish({
          after,
          answers: [...recordAnswers, ...done],
          change: { agents, alarms, windows: windows.results },
          nowMs: moment.nowMs,
          rolledFromMs: isRolling ? beganMs : null,
        }),
    };
  }

  /** While there are more results than a tick has room for, few records are taken. What may be said once the commit is durable. */
  async #applyRecords(
    { isTick, wasCutShort }: { readonly isTick: boolean; readonly wasCutShort: boolean },
    moment: Moment,
  ): Promise<readonly (() => void)[]> {
    const { state, recordApplier, recordInbox } = this.#options;
    if (isTick) recordApplier.tick(moment);
    // What of agents waits until there is room for all results must not wait for records that take it up each time.
    const share = this.#options.logGate.isWaiting ? SHARE_BESIDE_AGENTS : 1;
    const shown = wasCutShort ? this.#shownCount * share : null;
    const answers = await recordApplier.apply(recordInbox.take({ shown }), moment);
    if (isTick || answers.length > 0) state.records.show(state.engine, moment.monotonicMs);
    return answers;
  }

  /** What is due by time alone. */
  #lookAfter(moment: Moment): void {
    const { state, requests, uplinkLog, watches } = this.#options;
    watches.tick(moment);
    requests.expire(moment.monotonicMs);
    state.memberSearch.look(uplinkLog);
  }

  #publish({ after, answers, change, nowMs, rolledFromMs }: Publication): void {
    const { state, durable, listeners, lifecycle, evidenceChecker } = this.#options;
    const { windowHistory, seriesHistory, rollUps } = this.#options;
    state.durable();
    durable.reached();
    for (const [session, lanes] of after.acks) this.#acknowledge(session, lanes);
    for (const send of after.sends) send();
    for (const answer of answers) answer();
    windowHistory.published(change.windows, nowMs);
    seriesHistory?.durable();
    if (rolledFromMs !== null) rollUps.readNext(rolledFromMs);
    if (!lifecycle.isClosed) evidenceChecker.check();
    listeners.tell(change);
  }

  #acknowledge(session: Session, lanes: ReadonlySet<Lane>): void {
    const held = this.#options.state.stores.held(session.storeId);
    if (session.state !== "open" || held === undefined) return;
    for (const lane of lanes) session.connection.send("ack", encodeMessage({ lane, mark: held.mark(lane) }));
  }
}
