import type { Clock, Random } from "@millrace/runtime";
import type { Compression } from "@millrace/wire";
import type { PipelinePush, ResetOutcome } from "../api/central-reader.ts";
import type { CentralLifecycle } from "../central-lifecycle.ts";
import type { CommitActions } from "../commit/commit-actions.ts";
import type { SessionTable } from "../sessions/session-table.ts";
import type { CentralState } from "../state/central-state.ts";
import { packedPipeline } from "./packed-pipeline.ts";
import type { RequestBook } from "./request-book.ts";

interface AgentRequestsOptions {
  /** Null before central is open. */
  readonly state: () => CentralState | null;
  readonly lifecycle: CentralLifecycle;
  readonly sessions: SessionTable;
  readonly book: RequestBook;
  readonly actions: CommitActions;
  readonly clock: Clock;
  readonly random: Random;
  readonly compression: Compression;
}

/** What persons ask: of agents, as long as they are connected; what is about central's own rules, with the next commit. */
export class AgentRequests {
  readonly #options: AgentRequestsOptions;

  constructor(options: AgentRequestsOptions) {
    this.#options = options;
  }

  async resetAlarm(agent: string, id: string, by: string): Promise<ResetOutcome> {
    if (agent === "") return this.#resetOwn(id, by);
    const { lifecycle, book, clock, random } = this.#options;
    if (lifecycle.refusal !== null || !this.#isReached(agent)) return "agent_away";
    const request = { id: random.hex(8), kind: "reset_alarm", alarm: id, by };
    return (await book.ask(agent, request, clock.monotonicMs())).outcome;
  }

  async pushPipeline(agents: readonly string[], text: string, by: string): Promise<PipelinePush> {
    const { book, clock, compression, random } = this.#options;
    const pipeline = packedPipeline(text, clock.nowMs(), compression);
    const pushed = agents.map(async (agent) => {
      if (!this.#isReached(agent))
        return {
          agent,
          outcome: "agent_away",
          detail: "it is not connected; nothing was sent to it",
        } as const;
      const request = { id: random.hex(8), kind: "set_pipeline", alarm: "", by, pipeline };
      const { outcome, detail = "" } = await book.ask(agent, request, clock.monotonicMs());
      return { agent, outcome, detail };
    });
    return { version: pipeline.version, agents: await Promise.all(pushed) };
  }

  /** Of an alarm that central's own rules have raised; done once that is durable. */
  async #resetOwn(id: string, by: string): Promise<ResetOutcome> {
    const { state, lifecycle, actions, clock } = this.#options;
    const windowRules = state()?.windowRules;
    if (windowRules === undefined || lifecycle.refusal !== null) return "no_such_alarm";
    return actions.ask({ isAwaited: true }, () => {
      const outcome = windowRules.reset(id, by, clock.nowMs());
      const isUnknown = outcome === null || outcome === "not_latched";
      return isUnknown ? "no_such_alarm" : outcome;
    });
  }

  /** Heard, and by a connection that requests can go back on. */
  #isReached(agent: string): boolean {
    const isHeard = this.#options.state()?.agents.view(agent).state === "connected";
    return isHeard && this.#options.sessions.isConnected(agent);
  }
}
