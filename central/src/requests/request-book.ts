import { REQUESTS_MAX } from "@millrace/wire";
import type { AgentRequest, RequestAnswer, RequestOutcome } from "@millrace/wire";

/** An agent answers with its second heartbeat; one that has not by then may still have done what was asked. */
export const ANSWER_MS_MAX = 10_000;

export type AskOutcome = RequestOutcome | "no_answer" | "too_many";

export interface AskAnswer {
  readonly outcome: AskOutcome;
  /** What the agent says of it; absent where it says nothing. */
  readonly detail?: string | undefined;
}

interface Waiting {
  readonly request: AgentRequest;
  readonly untilMs: number;
  readonly resolve: (answer: AskAnswer) => void;
}

/** What persons ask of agents: every echo says it until a heartbeat answers. In memory only, for whoever asks waits. */
export class RequestBook {
  readonly #waiting = new Map<string, Waiting[]>();

  ask(agent: string, request: AgentRequest, monotonicMs: number): Promise<AskAnswer> {
    const waiting = this.#waiting.get(agent) ?? [];
    // More than one pipeline would not fit a message.
    const isPipelineWaiting = waiting.some((each) => each.request.pipeline !== undefined);
    if (waiting.length >= REQUESTS_MAX || (request.pipeline !== undefined && isPipelineWaiting))
      return Promise.resolve({ outcome: "too_many" });
    return new Promise((resolve) => {
      this.#waiting.set(agent, [...waiting, { request, untilMs: monotonicMs + ANSWER_MS_MAX, resolve }]);
    });
  }

  /** What the agent is still asked for, oldest first. */
  of(agent: string): AgentRequest[] {
    return (this.#waiting.get(agent) ?? []).map(({ request }) => request);
  }

  answered(agent: string, answers: readonly RequestAnswer[]): void {
    for (const { id, ...answer } of answers) this.#end(agent, ({ request }) => request.id === id, answer);
  }

  /** Ends what has waited too long. */
  expire(monotonicMs: number): void {
    for (const agent of this.#waiting.keys())
      this.#end(agent, ({ untilMs }) => monotonicMs >= untilMs, { outcome: "no_answer" });
  }

  close(): void {
    for (const agent of this.#waiting.keys()) this.#end(agent, () => true, { outcome: "no_answer" });
  }

  #end(agent: string, isEnded: (waiting: Waiting) => boolean, answer: AskAnswer): void {
    const waiting = this.#waiting.get(agent) ?? [];
    const left = waiting.filter((each) => !isEnded(each));
    if (left.length > 0) this.#waiting.set(agent, left);
    else this.#waiting.delete(agent);
    for (const each of waiting) if (isEnded(each)) each.resolve(answer);
  }
}
