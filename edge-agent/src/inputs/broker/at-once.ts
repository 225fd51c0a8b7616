/**
 * A promise that is kept already, for aedes, which only calls `then`: whatever waits for it goes on in the same turn. Between a
 * message's number and its delivery nothing else may be delivered: a client that was handed a later number meanwhile is not
 * given the earlier one any more (aedes's lib/client.js, `dedupe`), and a command would be lost.
 */
export class AtOnce<Value> {
  readonly #value: Value;

  constructor(value: Value) {
    this.#value = value;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- that is what aedes asks for
  then(goOn: (value: Value) => unknown): void {
    goOn(this.#value);
  }
}
