import { portableExp } from "../../signal/portable-math.ts";
import { RandomStream, streamName } from "../../signal/random-stream.ts";
import { Arrivals } from "../arrivals.ts";
import { DailyCurve } from "../daily-curve.ts";
import { DueQueue } from "../../due-queue.ts";
import { LognormalAmount } from "../lognormal-amount.ts";
import type { OrdersPlan } from "../plan/business-plan.ts";
import { unitExponential } from "../unit-exponential.ts";
import type { WallClock } from "../wall-clock.ts";
import { WeightedChoice } from "../weighted-choice.ts";
import { Festival } from "./festival.ts";
import type { OrderBlock } from "./order-block.ts";
import { PaymentQueue } from "./payment-queue.ts";

export interface OrderStreamOptions {
  readonly plan: OrdersPlan;
  readonly seed: number;
  readonly clock: WallClock;
  /** Event time from which orders come. */
  readonly startMs: number;
  /** Where the plan's times count from. */
  readonly planStartMs: number;
}

export interface Refund {
  readonly order: number;
  readonly orderMs: number;
  readonly paidMs: number;
  /** Number of the order that it tried again; 0: none. */
  readonly retryOf: number;
  readonly region: number;
  readonly category: number;
  readonly cents: number;
  readonly user: number;
}

interface Retry {
  readonly first: number;
  readonly attempt: number;
  readonly region: number;
  readonly category: number;
  readonly cents: number;
  readonly user: number;
}

/** Beyond it a paid order is not given back. */
const REFUNDS_WAITING_MAX = 1_000_000;
/** Beyond it a user whose payment failed does not come again. */
const RETRIES_WAITING_MAX = 1_000_000;
/** What a request to the payment system takes that turns it away. */
const TURNED_AWAY_MS = 50;

/**
 * Orders as they come in, each with what became of its payment: a function of seed, plan and start, whatever the blocks
 * that they are taken in. What an order is drawn from has a stream of chance each.
 */
export class OrderStream {
  /** What will be given back, by its time. */
  readonly refunds = new DueQueue<Refund>();
  readonly #plan: OrdersPlan;
  readonly #arrivals: Arrivals;
  readonly #retries = new DueQueue<Retry>();
  readonly #payment: PaymentQueue;
  /** Region and category in one draw: index region × categories + category. */
  readonly #places: WeightedChoice;
  /** By category. */
  readonly #amounts: readonly LognormalAmount[];
  readonly #placeRandom: RandomStream;
  readonly #amountRandom: RandomStream;
  readonly #userRandom: RandomStream;
  readonly #paymentRandom: RandomStream;
  readonly #retryRandom: RandomStream;
  readonly #refundRandom: RandomStream;
  #count = 0;

  constructor({ plan, seed, clock, startMs, planStartMs }: OrderStreamOptions) {
    this.#plan = plan;
    const random = (name: string): RandomStream => new RandomStream(streamName(seed, "orders", name));
    this.#arrivals = new Arrivals(orderRate(plan, clock, planStartMs), random("arrivals"), startMs);
    this.#payment = new PaymentQueue(plan.payment.perSecond, plan.payment.waitMaxMs);
    this.#places = new WeightedChoice(
      plan.regions.flatMap(({ weight }, region) =>
        plan.categories.map((category) => weight * category.weight * category.regionFactors[region]),
      ),
    );
    this.#amounts = plan.categories.map(({ median, spread }) => new LognormalAmount(median, spread));
    this.#placeRandom = random("place");
    this.#amountRandom = random("amount");
    this.#userRandom = random("user");
    this.#paymentRandom = random("payment");
    this.#retryRandom = random("retry");
    this.#refundRandom = random("refund");
  }

  /** The next orders before `untilMs`, as many as the block holds; true when there are no more before then. */
  generate(block: OrderBlock, untilMs: number): boolean {
    const categories = this.#plan.categories.length;
    let at = 0;
    for (; at < block.capacity; at += 1) {
      const isRetry = this.#retries.nextMs <= this.#arrivals.nextMs;
      const timeMs = Math.floor(isRetry ? this.#retries.nextMs : this.#arrivals.nextMs);
      if (timeMs >= untilMs) break;
      const retry = isRetry ? this.#retries.pop() : undefined;
      if (retry !== undefined) {
        block.region[at] = retry.region;
        block.category[at] = retry.category;
        block.cents[at] = retry.cents;
        block.user[at] = retry.user;
      } else {
        this.#arrivals.advance();
        const place = this.#places.at(this.#placeRandom.uniform());
        const region = Math.floor(place / categories);
        const category = place - region * categories;
        const uniform = this.#userRandom.uniform();
        block.region[at] = region;
        block.category[at] = category;
        block.cents[at] = this.#amounts[category].centsAt(this.#amountRandom.uniform());
        // Some buy more often than others.
        block.user[at] = 1 + Math.floor(uniform * uniform * this.#plan.users);
      }
      this.#count += 1;
      block.number[at] = this.#count;
      block.timeMs[at] = timeMs;
      block.retryOf[at] = retry?.first ?? 0;
      this.#pay(block, at, retry?.attempt ?? 1);
    }
    block.count = at;
    return at < block.capacity;
  }

  #pay(block: OrderBlock, at: number, attempt: number): void {
    const { declinedShare } = this.#plan.payment;
    const isDeclined = this.#paymentRandom.uniform() < declinedShare;
    const doneMs = this.#payment.offer(block.timeMs[at]);
    const isFailed = isDeclined || doneMs === null;
    block.isFailed[at] = isFailed ? 1 : 0;
    block.paymentMs[at] = Math.ceil(doneMs ?? TURNED_AWAY_MS);
    block.isGivenUp[at] = isFailed && !this.#tryAgain(block, at, attempt) ? 1 : 0;
    this.#giveBack(block, at);
  }

  /** True when the user will come again. */
  #tryAgain(block: OrderBlock, at: number, attempt: number): boolean {
    const { retryShare, retryAfterMs, attemptsMax } = this.#plan.payment;
    const [share, wait] = [this.#retryRandom.uniform(), this.#retryRandom.uniform()];
    if (attempt >= attemptsMax || share >= retryShare || this.#retries.size >= RETRIES_WAITING_MAX)
      return false;
    const afterMs = block.paymentMs[at] + unitExponential(wait) * retryAfterMs;
    this.#retries.push(Math.floor(block.timeMs[at] + afterMs), {
      first: block.retryOf[at] || block.number[at],
      attempt: attempt + 1,
      region: block.region[at],
      category: block.category[at],
      cents: block.cents[at],
      user: block.user[at],
    });
    return true;
  }

  /** Draws for every order, so that a failure changes nothing in what others give back. */
  #giveBack(block: OrderBlock, at: number): void {
    const { refundDelay, categories } = this.#plan;
    const isWanted = this.#refundRandom.uniform() < categories[block.category[at]].refundShare;
    if (!isWanted) return;
    const delay = refundDelay.medianMs * portableExp(refundDelay.spread * this.#refundRandom.normal());
    if (block.isFailed[at] === 1 || this.refunds.size >= REFUNDS_WAITING_MAX) return;
    const paidMs = block.timeMs[at] + block.paymentMs[at];
    this.refunds.push(paidMs + 1 + Math.floor(delay), {
      order: block.number[at],
      orderMs: block.timeMs[at],
      paidMs,
      retryOf: block.retryOf[at],
      region: block.region[at],
      category: block.category[at],
      cents: block.cents[at],
      user: block.user[at],
    });
  }
}

/** Orders a second at a time, without those that are tried again. */
export function orderRate(
  plan: OrdersPlan,
  clock: WallClock,
  planStartMs: number,
): (timeMs: number) => number {
  const curve = new DailyCurve(plan.daily, clock);
  const festival = plan.festival;
  if (festival === null) return (timeMs) => plan.perSecond * curve.levelAt(timeMs);
  const { at } = festival;
  const midnightMs =
    at === "next-midnight"
      ? clock.nextMidnightMs(planStartMs)
      : "dateMs" in at
        ? clock.midnightMs(at.dateMs)
        : planStartMs + at.afterMs;
  const shape = new Festival(festival, midnightMs);
  return (timeMs) => plan.perSecond * shape.levelAt(timeMs, curve.levelAt(timeMs));
}
