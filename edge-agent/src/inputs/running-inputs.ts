import { isDeepStrictEqual } from "node:util";
import type { AgentConfig } from "@millrace/config";
import type { Clock, Logger, Timer } from "@millrace/runtime";
import type { Input, InputHandler, ReadingInput, Subscriptions } from "./input.ts";

export type InputsConfig = AgentConfig["inputs"];
type Kind = keyof InputsConfig;

/** One input as its part of the configuration has it; null where that asks for none. */
export interface InputMaker {
  broker(config: InputsConfig, subscriptions: Subscriptions): Input | null;
  mqtt(config: InputsConfig, subscriptions: Subscriptions): Input | null;
  /** A second connection to the same broker, for Sparkplug alone: no commands go out there. */
  sparkplug?(config: InputsConfig, subscriptions: Subscriptions): Input | null;
  http(config: InputsConfig): ReadingInput | null;
  files(config: InputsConfig): ReadingInput | null;
  /** Starts the gateway's own sensors; returns how to stop them. */
  startHost(config: InputsConfig): (() => void) | null;
}

export interface RunningInputsOptions {
  readonly maker: InputMaker;
  readonly handler: InputHandler;
  readonly subscriptions: Subscriptions;
  readonly clock: Clock;
  readonly log: Logger;
}

const NONE: InputsConfig = { broker: null, mqtt: null, http: null, files: [], host: null };
const KINDS: readonly Kind[] = ["broker", "mqtt", "http", "files", "host"];
/** An input that stood before a change that failed, and cannot be started again, is tried for ever. */
const RETRY_MS = 5_000;

/**
 * The inputs of a running agent. Where the configuration of one changes, that one alone is stopped and started anew, with
 * its connections; the others notice nothing.
 */
export class RunningInputs {
  /** Whatever runs now, or should: the same list always. */
  readonly all: ReadingInput[] = [];
  /** Of these, where commands go out. */
  readonly brokers: Input[] = [];
  readonly #options: RunningInputsOptions;
  readonly #stops = new Map<Kind, () => Promise<void>>();
  readonly #retries = new Map<Kind, Timer>();
  #config = NONE;
  #subscriptions: Subscriptions;
  #sparkplug: Input | null = null;
  #isHostStarted = false;
  #last: Promise<void> = Promise.resolve();

  constructor(options: RunningInputsOptions) {
    this.#options = options;
    this.#subscriptions = options.subscriptions;
  }

  /** As they stand. */
  get config(): InputsConfig {
    return this.#config;
  }

  /** As the configuration says. Rejects where one cannot be started: then all is as it was before, started anew where it must. */
  change(config: InputsConfig): Promise<void> {
    return this.#inTurn(() => this.#change(config));
  }

  async #change(config: InputsConfig): Promise<void> {
    const before = this.#config;
    try {
      await this.#bring(config);
    } catch (error) {
      await this.#bringBack(before);
      throw error;
    }
  }

  /** Rejects where a broker refuses a subscription; then those before hold. */
  follow(subscriptions: Subscriptions): Promise<void> {
    return this.#inTurn(() => this.#follow(subscriptions));
  }

  async #follow(subscriptions: Subscriptions): Promise<void> {
    const before = this.#subscriptions;
    const follow = () => [
      ...this.brokers.map((broker) => broker.follow(this.#subscriptions)),
      this.#followSparkplug(),
    ];
    this.#subscriptions = subscriptions;
    try {
      await Promise.all(follow());
    } catch (error) {
      this.#subscriptions = before;
      await Promise.allSettled(follow());
      throw error;
    }
  }

  /** Its connection comes with the first metric of Sparkplug, and goes with the last. */
  #followSparkplug(): Promise<void> {
    const { sparkplugFilters: filters } = this.#subscriptions;
    if (filters.length === 0) return this.#stopSparkplug();
    if (this.#sparkplug === null) return this.#startSparkplug(this.#config);
    return this.#sparkplug.follow({ ...this.#subscriptions, filters, ownFilters: [] });
  }

  /** The gateway's own sensors begin once the agent runs. */
  startHost(): void {
    this.#isHostStarted = true;
    this.#startHost();
  }

  async stop(): Promise<void> {
    await Promise.all(KINDS.map((kind) => this.#stop(kind)));
  }

  /** One change after the other. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #bring(config: InputsConfig): Promise<void> {
    const changed = KINDS.filter((kind) => !isDeepStrictEqual(this.#config[kind], config[kind]));
    for (const kind of changed) {
      await this.#stop(kind);
      this.#config = { ...this.#config, [kind]: NONE[kind] };
      try {
        await this.#start(kind, config);
      } catch (error) {
        await this.#stop(kind);
        throw error;
      }
      this.#config = { ...this.#config, [kind]: config[kind] };
    }
  }

  async #bringBack(before: InputsConfig): Promise<void> {
    for (const kind of KINDS.filter((each) => !isDeepStrictEqual(this.#config[each], before[each]))) {
      await this.#stop(kind);
      this.#config = { ...this.#config, [kind]: before[kind] };
      await this.#tryStart(kind, before);
    }
  }

  async #tryStart(kind: Kind, config: InputsConfig): Promise<void> {
    try {
      await this.#start(kind, config);
    } catch (error) {
      const { clock, log } = this.#options;
      log.error("an input cannot be started again as it was; it is tried on", { input: kind, error });
      const retry = async () => {
        await this.#stop(kind);
        await this.#tryStart(kind, config);
      };
      this.#retries.set(
        kind,
        clock.after(RETRY_MS, () => void this.#inTurn(retry)),
      );
    }
  }

  async #start(kind: Kind, config: InputsConfig): Promise<void> {
    if (kind === "host") {
      this.#config = { ...this.#config, host: config.host };
      return this.#startHost();
    }
    const { maker, handler } = this.#options;
    const isMqtt = kind === "broker" || kind === "mqtt";
    const broker = isMqtt ? maker[kind](config, this.#subscriptions) : null;
    const input = isMqtt ? broker : maker[kind](config);
    if (input === null) return;
    this.all.push(input);
    if (broker !== null) this.brokers.push(broker);
    this.#stops.set(kind, async () => {
      remove(this.all, input);
      remove(this.brokers, input);
      await Promise.all([input.stop(), ...(kind === "mqtt" ? [this.#stopSparkplug()] : [])]);
    });
    await input.start(handler);
    if (kind === "mqtt") await this.#startSparkplug(config);
  }

  async #startSparkplug(config: InputsConfig): Promise<void> {
    const { maker, handler } = this.#options;
    const input = maker.sparkplug?.(config, this.#subscriptions) ?? null;
    if (input === null) return;
    this.#sparkplug = input;
    this.all.push(input);
    await input.start(handler);
  }

  async #stopSparkplug(): Promise<void> {
    const input = this.#sparkplug;
    if (input === null) return;
    this.#sparkplug = null;
    remove(this.all, input);
    await input.stop();
  }

  #startHost(): void {
    if (!this.#isHostStarted) return;
    const stop = this.#options.maker.startHost(this.#config);
    if (stop !== null) this.#stops.set("host", async () => stop());
  }

  async #stop(kind: Kind): Promise<void> {
    this.#retries.get(kind)?.cancel();
    this.#retries.delete(kind);
    const stop = this.#stops.get(kind);
    this.#stops.delete(kind);
    await stop?.();
  }
}

function remove(list: ReadingInput[], item: ReadingInput): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
