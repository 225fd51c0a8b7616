import { silentLogger, systemClock, systemRandom } from "@millrace/runtime";
import type { Clock, Logger } from "@millrace/runtime";
import { Central } from "../central.ts";
import type { CentralOptions } from "../central.ts";
import { CrashingStore } from "../crashing-store.test-support.ts";
import { ScriptedAgent } from "../scripted-agent.test-support.ts";
import { METRIC, WINDOW } from "../seconds.test-support.ts";

/** Anew for each life of central; undefined where central's own store is the log. */
export type MakeLog = (clock: Clock, log: Logger) => CentralOptions["uplinkLog"];

/** One life of a central with its log, in real time. */
export class LoggedCentral {
  readonly central: Central;
  readonly #store: CrashingStore;
  readonly #uplinkLog: CentralOptions["uplinkLog"];
  #isAlive = true;

  private constructor(makeLog: MakeLog, store: CrashingStore, log: Logger) {
    this.#store = store;
    const clock: Clock = {
      ...systemClock,
      after: (delayMs, callback) => systemClock.after(delayMs, () => this.#isAlive && callback()),
    };
    this.#uplinkLog = makeLog(clock, log);
    this.central = new Central({
      agents: ["alpha", "beta", "gamma"].map((site) => ({ id: `${site}-1`, site })),
      pipeline: { metrics: [METRIC], windows: [WINDOW] },
      graceMs: 2_000,
      retainMs: 86_400_000,
      evidence: { bytesMax: 2 ** 30, retainMs: 86_400_000, unfinishedMs: 86_400_000 },
      silentAfterMs: 3_000,
      store,
      ...(this.#uplinkLog === undefined ? {} : { uplinkLog: this.#uplinkLog }),
      clock,
      random: systemRandom,
      log,
      compression: { compress: (bytes) => bytes, decompress: (bytes) => bytes },
    });
  }

  static async start(
    makeLog: MakeLog,
    { store = new CrashingStore(), log = silentLogger }: { store?: CrashingStore; log?: Logger } = {},
  ): Promise<LoggedCentral> {
    const logged = new LoggedCentral(makeLog, store, log);
    await logged.central.open();
    return logged;
  }

  agent(site: string): ScriptedAgent {
    const storeId = site.charCodeAt(0).toString(16).padStart(32, "0");
    return new ScriptedAgent(this.central, () => systemClock.nowMs(), { agent: `${site}-1`, site, storeId });
  }

  /** Of each window, how many readings it has and how they add up. */
  async windows(): Promise<string[]> {
    const query = { window: "t_1s", group: {}, fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, limit: 1_000 };
    const { windows } = await this.central.windows({ ...query, cursor: null });
    return windows.map(
      ({ group, startMs, values }) => `${group["site"]} ${startMs} ${values["count"]} ${values["mean"]}`,
    );
  }

  /** Nothing that it does from now on has an effect; what its next life finds. */
  async crash(): Promise<CrashingStore> {
    this.#isAlive = false;
    this.#store.fate = () => "crash_before";
    const snapshot = this.#store.snapshot();
    await this.#uplinkLog?.log.close();
    return new CrashingStore(snapshot);
  }

  async stop(): Promise<CrashingStore> {
    await this.central.close();
    this.#isAlive = false;
    return new CrashingStore(this.#store.snapshot());
  }
}
