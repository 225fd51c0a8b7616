import { REQUESTS_MAX } from "@millrace/wire";
import type { AgentRequest, RequestAnswer, RequestOutcome } from "@millrace/wire";

/** An agent answers with its second heartbeat; one that has not by then may still have done what was asked. */
export const ANSWER_MS_MAX = 10_000;

export type AskOutcome = RequestOutcome | "no_answer" | "too_many";

interface Waiting {
  readonly request: AgentRequest;
  readonly untilMs: number;
  readonly resolve: (outcome: AskOutcome) => void;
}

/** What persons ask of agents: every echo says it until a heartbeat answers. In memory only, for whoever asks waits. */
export class RequestBook {
  readonly #waiting = new Map<string, Waiting[]>();

  ask(agent: string, request: AgentRequest, monotonicMs: number): Promise<AskOutcome> {
    const waiting = this.#waiting.get(agent) ?? [];
    if (waiting.length >= REQUESTS_MAX) return Promise.resolve("too_many");
    return new Promise((resolve) => {
      this.#waiting.set(agent, [...waiting, { request, untilMs: monotonicMs + ANSWER_MS_MAX, resolve }]);
    });
  }

  /** What the agent is still asked for, oldest first. */
  of(agent: string): AgentRequest[] {
    return (this.#waiting.get(agent) ?? []).map(({ request }) => request);
  }

  answered(agent: string, answers: readonly RequestAnswer[]): void {
    for (const { id, outcome } of answers) this.#end(agent, ({ request }) => request.id === id, outcome);
  }

  /** Ends what has waited too long. */
  expire(monotonicMs: number): void {
    for (const agent of this.#waiting.keys())
      this.#end(agent, ({ untilMs }) => monotonicMs >= untilMs, "no_answer");
  }

  close(): void {
    for (const agent of this.#waiting.keys()) this.#end(agent, () => true, "no_answer");
  }

  #end(agent: string, isEnded: (waiting: Waiting) => boolean, outcome: AskOutcome): void {
    const waiting = this.#waiting.get(agent) ?? [];
    const left = waiting.filter((each) => !isEnded(each));
    if (left.length > 0) this.#waiting.set(agent, left);
    else this.#waiting.delete(agent);
    for (const each of waiting) if (isEnded(each)) each.resolve(outcome);
  }
}
