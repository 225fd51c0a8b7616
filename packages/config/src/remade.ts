/**
 * What is made when it is asked for, and again once the collector has taken it. A schema is a megabyte, and a program that runs
 * needs it only when it is configured anew.
 */
export class Remade<Value extends object> {
  readonly #make: () => Value;
  #made: WeakRef<Value> | undefined;

  constructor(make: () => Value) {
    this.#make = make;
  }

  get(): Value {
    const kept = this.#made?.deref();
    if (kept !== undefined) return kept;
    const value = this.#make();
    this.#made = new WeakRef(value);
    return value;
  }
}
