import { RandomStream, streamName } from "../../signal/random-stream.ts";
import { Arrivals } from "../arrivals.ts";
import { DailyCurve } from "../daily-curve.ts";
import { DueQueue } from "../../due-queue.ts";
import { LognormalAmount } from "../lognormal-amount.ts";
import type { RingPlan, TransfersPlan } from "../plan/business-plan.ts";
import type { WallClock } from "../wall-clock.ts";
import type { Circles } from "./circles.ts";
import { drawRing, type RingRun } from "./ring.ts";

export interface Transfer {
  /** From 1 over the whole run. */
  readonly number: number;
  readonly timeMs: number;
  readonly from: number;
  readonly to: number;
  readonly cents: number;
  /** Of a ring that pays for the last time with it. */
  readonly endOfRing: RingRun | null;
}

export interface TransferStreamOptions {
  readonly plan: TransfersPlan;
  readonly seed: number;
  readonly circles: Circles;
  readonly clock: WallClock;
  readonly startMs: number;
}

interface RingPayment {
  readonly run: RingRun;
  readonly payee: number;
  readonly isLast: boolean;
}

/** Transfers in order of time: people who pay their own circle and now and then a stranger, and rings. */
export class TransferStream {
  readonly #plan: TransfersPlan;
  readonly #seed: number;
  readonly #circles: Circles;
  readonly #arrivals: Arrivals;
  readonly #amount: LognormalAmount;
  readonly #payerRandom: RandomStream;
  readonly #payeeRandom: RandomStream;
  readonly #amountRandom: RandomStream;
  readonly #ringAmountRandom: RandomStream;
  /** Rings that will begin. */
  readonly #rings = new DueQueue<{ readonly plan: RingPlan; readonly turn: number }>();
  readonly #payments = new DueQueue<RingPayment>();
  #count = 0;

  constructor({ plan, seed, circles, clock, startMs }: TransferStreamOptions) {
    this.#plan = plan;
    this.#seed = seed;
    this.#circles = circles;
    const random = (name: string): RandomStream => new RandomStream(streamName(seed, "transfers", name));
    const curve = new DailyCurve(plan.daily, clock);
    this.#arrivals = new Arrivals(
      (timeMs) => plan.perSecond * curve.levelAt(timeMs),
      random("arrivals"),
      startMs,
    );
    this.#amount = new LognormalAmount(plan.median, plan.spread);
    this.#payerRandom = random("payer");
    this.#payeeRandom = random("payee");
    this.#amountRandom = random("amount");
    this.#ringAmountRandom = random("ring-amount");
    for (const ring of plan.rings) this.#rings.push(startMs + ring.atMs, { plan: ring, turn: 0 });
  }

  /** The next transfer before `untilMs`, if there is one. */
  next(untilMs: number): Transfer | null {
    while (this.#rings.nextMs < untilMs && this.#rings.nextMs <= this.#arrivals.nextMs) this.#openRing();
    const isOfRing = this.#payments.nextMs <= this.#arrivals.nextMs;
    const timeMs = Math.floor(isOfRing ? this.#payments.nextMs : this.#arrivals.nextMs);
    if (timeMs >= untilMs) return null;
    this.#count += 1;
    const payment = isOfRing ? this.#payments.pop() : undefined;
    if (payment !== undefined) {
      const { run, payee, isLast } = payment;
      const cents = this.#amount.centsAt(this.#ringAmountRandom.uniform());
      const endOfRing = isLast ? run : null;
      return { number: this.#count, timeMs, from: run.account, to: payee, cents, endOfRing };
    }
    this.#arrivals.advance();
    const from = 1 + Math.floor(this.#payerRandom.uniform() * this.#plan.accounts);
    const to = this.#payee(from);
    const cents = this.#amount.centsAt(this.#amountRandom.uniform());
    return { number: this.#count, timeMs, from, to, cents, endOfRing: null };
  }

  #payee(from: number): number {
    const [kind, which] = [this.#payeeRandom.uniform(), this.#payeeRandom.uniform()];
    const circle = this.#circles.of(from);
    // The nearest are paid most often.
    if (kind >= this.#plan.strangerShare) return circle[Math.floor(which * which * circle.length)];
    let payee = 1 + Math.floor(which * this.#plan.accounts);
    while (payee === from || circle.includes(payee)) payee = 1 + (payee % this.#plan.accounts);
    return payee;
  }

  #openRing(): void {
    const startMs = this.#rings.nextMs;
    const ring = this.#rings.pop();
    if (ring === undefined) return;
    const { plan, turn } = ring;
    if (plan.everyMs < Infinity) this.#rings.push(startMs + plan.everyMs, { plan, turn: turn + 1 });
    const random = new RandomStream(streamName(this.#seed, "transfers", "ring", plan.number, turn));
    const run = drawRing(plan, startMs, { accounts: this.#plan.accounts, circles: this.#circles, random });
    run.payments.forEach(({ timeMs, payee }, index) =>
      this.#payments.push(timeMs, { run, payee, isLast: index === run.payments.length - 1 }),
    );
  }
}
