import type { RandomStream } from "../../signal/random-stream.ts";
import type { RingPlan } from "../plan/business-plan.ts";
import type { Circles } from "./circles.ts";

/** One time that a ring pays. */
export interface RingRun {
  readonly plan: RingPlan;
  readonly account: number;
  readonly payments: readonly { readonly timeMs: number; readonly payee: number }[];
}

const DRAWS_MAX = 100_000;

/** The first payment at `startMs`, the last exactly `withinMs` later, the others at random between them. */
export function drawRing(
  plan: RingPlan,
  startMs: number,
  {
    accounts,
    circles,
    random,
  }: { readonly accounts: number; readonly circles: Circles; readonly random: RandomStream },
): RingRun {
  let account = plan.account ?? draw(accounts, random);
  if (plan.account === null && plan.to === "known")
    for (let turn = 0; circles.sizeOf(account) < plan.payees && turn < DRAWS_MAX; turn += 1)
      account = draw(accounts, random);
  const circle = circles.of(account);
  const payees = new Set<number>(plan.to === "known" ? circle.slice(0, plan.payees) : []);
  while (plan.to === "strangers" && payees.size < plan.payees) {
    const payee = draw(accounts, random);
    if (payee !== account && !circle.includes(payee)) payees.add(payee);
  }
  const between = Array.from({ length: Math.max(0, payees.size - 2) }, () =>
    Math.floor(random.uniform() * plan.withinMs),
  ).sort((one, other) => one - other);
  const offsets = [0, ...between, plan.withinMs];
  return {
    plan,
    account,
    payments: [...payees].map((payee, index) => ({ timeMs: startMs + offsets[index], payee })),
  };
}

function draw(accounts: number, random: RandomStream): number {
  return 1 + Math.floor(random.uniform() * accounts);
}
