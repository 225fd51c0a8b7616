import type { AgentRequest, RequestAnswer, RequestOutcome } from "@millrace/wire";

/** Answers remembered, so that a request that comes again is not carried out again. */
const ANSWERS_MAX = 64;

/** Carries out what central asks for, each request once, and has the answers ready for the next heartbeat. */
export class RequestDesk {
  readonly #carryOut: (request: AgentRequest) => RequestOutcome;
  /** Oldest first. */
  readonly #answered = new Map<string, RequestOutcome>();
  #answers: readonly RequestAnswer[] = [];

  constructor(carryOut: (request: AgentRequest) => RequestOutcome) {
    this.#carryOut = carryOut;
  }

  /** To what central still asks. */
  get answers(): readonly RequestAnswer[] {
    return this.#answers;
  }

  /** The requests of an echo; those that it no longer has are answered. */
  take(requests: readonly AgentRequest[]): void {
    this.#answers = requests.map((request) => ({ id: request.id, outcome: this.#outcomeOf(request) }));
  }

  #outcomeOf(request: AgentRequest): RequestOutcome {
    const known = this.#answered.get(request.id);
    if (known !== undefined) return known;
    const outcome = this.#carryOut(request);
    this.#answered.set(request.id, outcome);
    for (const id of this.#answered.keys()) {
      if (this.#answered.size <= ANSWERS_MAX) break;
      this.#answered.delete(id);
    }
    return outcome;
  }
}
