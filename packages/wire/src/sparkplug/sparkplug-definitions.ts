import type { SparkplugType } from "./sparkplug-types.ts";

/** What a birth said of a metric, and who reads it. */
export interface SparkplugDefinition<Binding> {
  readonly name: string;
  readonly type: SparkplugType;
  /** Empty: nobody reads it any more. */
  bindings: readonly Binding[];
  /** Of its last reading since the birth. */
  lastValue: number | null;
}

/** A series whose source is gone, with the last that was read of it. */
export interface StaleSeries<Binding> {
  readonly name: string;
  readonly binding: Binding;
  readonly value: number;
}

/** A name counts once for each so many characters that it has begun: what bounds the count bounds the bytes. */
const NAME_UNIT_LENGTH = 64;

/** The metrics of one edge node itself, or of one of its devices. A metric that nobody reads is null. */
export class SparkplugDefinitions<Binding> {
  readonly #byAlias = new Map<number | bigint, SparkplugDefinition<Binding> | null>();
  readonly #byName = new Map<string, SparkplugDefinition<Binding> | null>();
  #nameUnits = 0;
  isBorn = false;

  /** Of names and aliases; a long name counts several times. */
  get count(): number {
    return this.#byAlias.size + this.#nameUnits;
  }

  ofAlias(alias: number | bigint): SparkplugDefinition<Binding> | null | undefined {
    return this.#byAlias.get(alias);
  }

  ofName(name: string): SparkplugDefinition<Binding> | null | undefined {
    return this.#byName.get(name);
  }

  defineAlias(alias: number | bigint, definition: SparkplugDefinition<Binding> | null): void {
    this.#byAlias.set(alias, definition);
  }

  defineName(name: string, definition: SparkplugDefinition<Binding> | null): void {
    if (!this.#byName.has(name)) this.#nameUnits += Math.max(1, Math.ceil(name.length / NAME_UNIT_LENGTH));
    this.#byName.set(name, definition);
  }

  /** Others read from now on. `mayGain`: also what nobody has read, so what is known of that is forgotten until a birth. */
  rebind(bind: (name: string, former: readonly Binding[]) => readonly Binding[], mayGain: boolean): void {
    for (const definition of new Set([...this.#byAlias.values(), ...this.#byName.values()]))
      if (definition !== null) definition.bindings = bind(definition.name, definition.bindings);
    if (!mayGain) return;
    for (const map of [this.#byAlias, this.#byName]) forgetUnread<number | bigint | string>(map);
  }

  /** Forgets everything; returns the series that were read. */
  clear(): readonly StaleSeries<Binding>[] {
    const stale: StaleSeries<Binding>[] = [];
    for (const definition of this.#byName.values()) {
      const value = definition?.lastValue ?? null;
      if (definition == null || value === null) continue;
      for (const binding of definition.bindings) stale.push({ name: definition.name, binding, value });
    }
    this.#byAlias.clear();
    this.#byName.clear();
    this.#nameUnits = 0;
    this.isBorn = false;
    return stale;
  }
}

function forgetUnread<Key>(map: Map<Key, unknown>): void {
  for (const [key, definition] of map) if (definition === null) map.delete(key);
}
