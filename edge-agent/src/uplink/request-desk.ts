import { ANSWER_DETAIL_LENGTH_MAX, type AgentRequest, type RequestAnswer } from "@millrace/wire";

/** Answers remembered, so that a request that comes again is not carried out again. */
const ANSWERS_MAX = 64;

/** What became of a request. */
export type CarriedOut = Omit<RequestAnswer, "id">;

/** Carries out what central asks for, each request once, and has the answers ready for the next heartbeat. */
export class RequestDesk {
  readonly #carryOut: (request: AgentRequest) => CarriedOut | Promise<CarriedOut>;
  /** Oldest first; null while it is being carried out. */
  readonly #answered = new Map<string, CarriedOut | null>();
  #asked: readonly string[] = [];

  constructor(carryOut: (request: AgentRequest) => CarriedOut | Promise<CarriedOut>) {
    this.#carryOut = carryOut;
  }

  /** To what central still asks, as far as it is done. */
  get answers(): readonly RequestAnswer[] {
    return this.#asked.flatMap((id) => {
      const answer = this.#answered.get(id) ?? null;
      return answer === null ? [] : [{ id, ...answer }];
    });
  }

  /** The requests of an echo; those that it no longer has are answered. */
  take(requests: readonly AgentRequest[]): void {
    this.#asked = requests.map(({ id }) => id);
    for (const request of requests) if (!this.#answered.has(request.id)) this.#begin(request);
  }

  #begin(request: AgentRequest): void {
    this.#answered.set(request.id, null);
    const outcome = this.#carryOut(request);
    if (outcome instanceof Promise)
      outcome.then(
        (done) => this.#answer(request.id, done),
        (error: unknown) => this.#answer(request.id, { outcome: "refused", detail: String(error) }),
      );
    else this.#answer(request.id, outcome);
    for (const id of this.#answered.keys()) {
      if (this.#answered.size <= ANSWERS_MAX) break;
      this.#answered.delete(id);
    }
  }

  #answer(id: string, { outcome, detail }: CarriedOut): void {
    const cut = detail === undefined ? {} : { detail: detail.slice(0, ANSWER_DETAIL_LENGTH_MAX) };
    this.#answered.set(id, { outcome, ...cut });
  }
}
