import type { BusinessRecord } from "../business-record.ts";
import { LognormalAmount } from "../lognormal-amount.ts";
import type { TransfersPlan } from "../plan/business-plan.ts";
import { RandomStream, streamName } from "../../signal/random-stream.ts";
import type { TimeText } from "../time-text.ts";
import type { Circles } from "./circles.ts";
import { transferRecord } from "./transfer-source.ts";

const DAY_MS = 86_400_000;

/**
 * One transfer from each account to each of its circle, in order of time over the days before the start: what a system
 * has to know before the first transfer of a run.
 */
export function* transferHistory(options: {
  readonly plan: TransfersPlan;
  readonly seed: number;
  readonly circles: Circles;
  readonly time: TimeText;
  readonly startMs: number;
  readonly idPrefix: string;
}): Generator<BusinessRecord> {
  const { plan, seed, circles, time, startMs, idPrefix } = options;
  const amount = new LognormalAmount(plan.median, plan.spread);
  const random = new RandomStream(streamName(seed, "transfers", "history"));
  const rounds = plan.circle[1];
  const lengthMs = plan.knownDays * DAY_MS;
  for (let round = 0; round < rounds; round += 1) {
    for (let account = 1; account <= plan.accounts; account += 1) {
      const payee = circles.of(account).at(round);
      if (payee === undefined) continue;
      const place = (round * plan.accounts + account - 1) / (rounds * plan.accounts);
      const timeMs = Math.floor(startMs - lengthMs + place * lengthMs);
      const id = `h${idPrefix}${account}-${round + 1}`;
      const cents = amount.centsAt(random.uniform());
      yield transferRecord(id, { timeMs, from: account, to: payee, cents }, time);
    }
  }
}
