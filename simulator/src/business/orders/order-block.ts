/** Orders by column, in order of time. Filled anew, block by block. */
export class OrderBlock {
  readonly capacity: number;
  count = 0;
  /** From 1 over the whole run. */
  readonly number: Float64Array;
  /** Whole ms. */
  readonly timeMs: Float64Array;
  /** By the plan's order. */
  readonly region: Uint16Array;
  readonly category: Uint16Array;
  readonly cents: Float64Array;
  readonly user: Float64Array;
  /** 1: the payment failed. */
  readonly isFailed: Uint8Array;
  /** Ms until the payment system has said so, whole. */
  readonly paymentMs: Float64Array;
  /** Number of the order that is tried again; 0: none. */
  readonly retryOf: Float64Array;
  /** 1: the user does not try again after this failure. */
  readonly isGivenUp: Uint8Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.number = new Float64Array(capacity);
    this.timeMs = new Float64Array(capacity);
    this.region = new Uint16Array(capacity);
    this.category = new Uint16Array(capacity);
    this.cents = new Float64Array(capacity);
    this.user = new Float64Array(capacity);
    this.isFailed = new Uint8Array(capacity);
    this.paymentMs = new Float64Array(capacity);
    this.retryOf = new Float64Array(capacity);
    this.isGivenUp = new Uint8Array(capacity);
  }
}
