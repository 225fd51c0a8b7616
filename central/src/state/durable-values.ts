/** Values by key, each as the last commit that is durable left it: whoever is shown them is shown nothing that a crash takes back. */
export class DurableValues<Value> {
  readonly #values = new Map<string, Value>();
  #inCommit: readonly (readonly [key: string, value: Value])[] = [];

  get all(): ReadonlyMap<string, Value> {
    return this.#values;
  }

  restore(key: string, value: Value): void {
    this.#values.set(key, value);
  }

  /** The commit that is made now holds these. */
  take(changed: readonly (readonly [key: string, value: Value])[]): void {
    this.#inCommit = changed;
  }

  /** That commit is durable. */
  durable(): void {
    for (const [key, value] of this.#inCommit) this.#values.set(key, value);
    this.#inCommit = [];
  }
}
