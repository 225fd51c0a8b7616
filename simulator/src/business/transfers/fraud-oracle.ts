export interface FraudAlarm {
  readonly account: number;
  /** In the order in which they were paid. */
  readonly payees: readonly number[];
  /** Of the payment that raised it. */
  readonly timeMs: number;
}

export interface FraudOracleOptions {
  readonly strangers: number;
  readonly withinMs: number;
  /** Whom an account had paid before the first transfer. */
  readonly knows: (account: number, payee: number) => boolean;
}

interface FirstPayments {
  readonly payees: Set<number>;
  readonly recent: { readonly timeMs: number; readonly payee: number }[];
  isRaised: boolean;
}

/**
 * Which alarms must happen: an account has paid so many for the first time ever within (t − within, t]. One alarm until
 * there are fewer again. Payee by payee, by the definition; once paid, known for good.
 */
export class FraudOracle {
  readonly #options: FraudOracleOptions;
  /** Of accounts that have paid a stranger. */
  readonly #accounts = new Map<number, FirstPayments>();

  constructor(options: FraudOracleOptions) {
    this.#options = options;
  }

  get withinMs(): number {
    return this.#options.withinMs;
  }

  /** An alarm of the account stands, as of its last first payment. */
  isRaised(account: number): boolean {
    return this.#accounts.get(account)?.isRaised === true;
  }

  /** In order of time. */
  add(
    timeMs: number,
    account: number,
    payee: number,
  ): { readonly isFirst: boolean; readonly alarm: FraudAlarm | null } {
    const known = this.#accounts.get(account);
    const isFirst = known?.payees.has(payee) !== true && !this.#options.knows(account, payee);
    if (!isFirst) return { isFirst, alarm: null };
    const state = known ?? { payees: new Set(), recent: [], isRaised: false };
    if (known === undefined) this.#accounts.set(account, state);
    state.payees.add(payee);
    while (state.recent.length > 0 && state.recent[0].timeMs <= timeMs - this.#options.withinMs)
      state.recent.shift();
    if (state.recent.length < this.#options.strangers) state.isRaised = false;
    state.recent.push({ timeMs, payee });
    if (state.isRaised || state.recent.length < this.#options.strangers) return { isFirst, alarm: null };
    state.isRaised = true;
    return { isFirst, alarm: { account, payees: state.recent.map((each) => each.payee), timeMs } };
  }
}
