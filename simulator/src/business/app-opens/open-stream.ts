import { RandomStream, streamName } from "../../signal/random-stream.ts";
import { Arrivals } from "../arrivals.ts";
import { DailyCurve } from "../daily-curve.ts";
import { DueQueue } from "../../due-queue.ts";
import type { AppOpensPlan } from "../plan/business-plan.ts";
import { unitExponential } from "../unit-exponential.ts";
import type { WallClock } from "../wall-clock.ts";

export interface AppOpen {
  /** From 1 over the whole run. */
  readonly number: number;
  readonly timeMs: number;
  readonly user: number;
  readonly session: number;
}

export interface OpenStreamOptions {
  readonly plan: AppOpensPlan;
  readonly seed: number;
  readonly clock: WallClock;
  readonly startMs: number;
}

const DAY_S = 86_400;

/** Users who come for a session, and open the app again and again in it. */
export class OpenStream {
  readonly #plan: AppOpensPlan;
  readonly #sessions: Arrivals;
  readonly #again = new DueQueue<{ readonly user: number; readonly session: number }>();
  readonly #userRandom: RandomStream;
  readonly #lengthRandom: RandomStream;
  readonly #gapRandom: RandomStream;
  #sessionCount = 0;
  #count = 0;

  constructor({ plan, seed, clock, startMs }: OpenStreamOptions) {
    this.#plan = plan;
    const random = (name: string): RandomStream => new RandomStream(streamName(seed, "app-opens", name));
    const curve = new DailyCurve(plan.daily, clock);
    const perSecond = (plan.users * plan.sessionsPerUserDay) / DAY_S;
    this.#sessions = new Arrivals((timeMs) => perSecond * curve.levelAt(timeMs), random("sessions"), startMs);
    this.#userRandom = random("user");
    this.#lengthRandom = random("length");
    this.#gapRandom = random("gap");
  }

  /** The next open before `untilMs`, if there is one. */
  next(untilMs: number): AppOpen | null {
    const isAgain = this.#again.nextMs <= this.#sessions.nextMs;
    const timeMs = Math.floor(isAgain ? this.#again.nextMs : this.#sessions.nextMs);
    if (timeMs >= untilMs) return null;
    const open = isAgain ? this.#again.pop() : undefined;
    const { user, session } = open ?? this.#begin();
    // A session has a geometric number of opens.
    const [goesOn, gap] = [this.#lengthRandom.uniform(), this.#gapRandom.uniform()];
    if (goesOn >= 1 / this.#plan.opensPerSession)
      this.#again.push(timeMs + 1 + Math.floor(unitExponential(gap) * this.#plan.openEveryMs), {
        user,
        session,
      });
    this.#count += 1;
    return { number: this.#count, timeMs, user, session };
  }

  #begin(): { readonly user: number; readonly session: number } {
    this.#sessions.advance();
    this.#sessionCount += 1;
    const uniform = this.#userRandom.uniform();
    // Some come more often than others.
    const user = 1 + Math.floor(uniform * uniform * this.#plan.users);
    return { user, session: this.#sessionCount };
  }
}
