import { isDeepStrictEqual } from "node:util";
import {
  type AgentConfig,
  ConfigError,
  formatWarnings,
  loadAgentConfig,
  type Loaded,
  type Pipeline,
  unreadFiles,
} from "@millrace/config";
import {
  type Clock,
  type Logger,
  type Metrics,
  MillraceError,
  reasonOf,
  type Timer,
} from "@millrace/runtime";
import type { Agent } from "../agent.ts";
import type { UplinkCredentials } from "../uplink/uplink-credentials.ts";
import type { Subscriptions } from "../inputs/input.ts";
import type { InputsConfig } from "../inputs/running-inputs.ts";
import type { ConfigurationStatus } from "./configuration-status.ts";
import { readFilePipeline } from "./file-pipeline.ts";
import { changedFixedSettings } from "./fixed-settings.ts";
import { type PipelineVersion, versionOf } from "./pipeline-version.ts";
import type { ReloadOutcome, ReloadReport } from "./reload-report.ts";
import {
  fileVersion,
  loadPushed,
  pushedVersion,
  type StartPipeline,
  TRIAL_STARTS_MAX,
} from "./start-pipeline.ts";
import {
  type PushedPipeline,
  putStoredPipeline,
  type RefusedPipeline,
  type RunningPush,
  type StoredPipeline,
} from "./stored-pipeline.ts";

export interface ReloaderOptions {
  readonly configPath: string;
  /** What the agent was started with. */
  readonly config: AgentConfig;
  readonly start: StartPipeline;
  readonly agent: Pick<
    Agent,
    | "changePipeline"
    | "expectPipeline"
    | "expectNoPipeline"
    | "setSeriesMax"
    | "subscriptions"
    | "keep"
    | "audit"
  >;
  readonly inputs: {
    change(config: InputsConfig): Promise<void>;
    follow(subscriptions: Subscriptions): Promise<void>;
  };
  /** Of the uplink; taken over with the rest. */
  readonly credentials: Pick<UplinkCredentials, "set">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** A change was asked for; what is returned is called when it has ended, however. */
  begins?(): () => void;
}

/** A pushed pipeline that has run for so long is one that runs. */
export const TRIAL_MS = 60_000;
/** Longest wait for the disk: who asks is answered while it fails, and so is who asks next. */
const DURABLE_WAIT_MS_MAX = 5_000;

const SAID_OF = {
  applied: ["info", "applied"],
  applied_undurable: ["warn", "applied, but not durable yet"],
  unchanged: ["info", "unchanged"],
  refused: ["error", "refused"],
  rolled_back: ["error", "rolled back"],
} as const satisfies Record<ReloadOutcome, readonly ["info" | "warn" | "error", string]>;

/** Everything that is to change together. */
interface Wanted {
  readonly config: AgentConfig;
  readonly pipeline: Pipeline;
  readonly version: PipelineVersion;
  readonly stored: StoredPipeline;
}

/**
 * Changes the configuration of a running agent, one change at a time: validated first, then the inputs, then what the
 * brokers give, and last the pipeline, between two readings. Where a step fails the ones before it are taken back; rules and
 * windows have no way back, and need none.
 */
export class Reloader {
  readonly #options: ReloaderOptions;
  #running: Wanted;
  #sinceMs: number;
  #sinceMonotonicMs: number;
  #refused: RefusedPipeline | null;
  /** Null: by an earlier run, or none is. */
  #refusedMonotonicMs: number | null = null;
  #trial: Timer | undefined;
  /** That of the newest change, until it is done. */
  #undurable: Promise<void> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ReloaderOptions) {
    const { config, start, clock } = options;
    this.#options = options;
    const { loaded, version, stored } = start;
    this.#running = { config, pipeline: loaded.config, version, stored };
    this.#refused = stored.refused;
    this.#sinceMs = clock.nowMs();
    this.#sinceMonotonicMs = clock.monotonicMs();
    this.#watchTrial();
  }

  status(): ConfigurationStatus {
    const { version, stored } = this.#running;
    const monotonicMs = this.#options.clock.monotonicMs();
    const refusedAtMs = this.#refusedMonotonicMs;
    return {
      ...version,
      sinceMs: this.#sinceMs,
      forMs: monotonicMs - this.#sinceMonotonicMs,
      isOnTrial: stored.running !== null && stored.running.startsLeft !== null,
      isDurable: this.#undurable === null,
      refused: this.#refused,
      refusedAgoMs: refusedAtMs === null ? null : monotonicMs - refusedAtMs,
    };
  }

  /** Reads the files again. `isFileWanted`: the pipeline file also where central has pushed another one since. */
  reload(by: string, { isFileWanted = false } = {}): Promise<ReloadReport> {
    return this.#inTurn(() => this.#reload(by, isFileWanted));
  }

  /** Takes a pipeline that central has pushed, until the file is changed. */
  push(pushed: PushedPipeline): Promise<ReloadReport> {
    return this.#inTurn(() => this.#push(pushed));
  }

  stop(): void {
    this.#trial?.cancel();
  }

  #inTurn(work: () => Promise<ReloadReport>): Promise<ReloadReport> {
    const ends = this.#options.begins?.();
    const done = this.#last.then(work).finally(ends);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #reload(by: string, isFileWanted: boolean): Promise<ReloadReport> {
    let version = "";
    try {
      const loaded = loadAgentConfig(this.#options.configPath);
      const { config } = loaded;
      const later = this.#refuseFixed(loaded);
      const file = readFilePipeline(config.pipelinePath);
      if (file.text !== null) version = versionOf(file.text);
      if ("error" in file) throw file.error;
      const { text, loaded: pipeline } = file;
      const warning = formatWarnings([
        ...loaded.uplinkProblems,
        ...loaded.warnings,
        ...unreadFiles(loaded, pipeline.config),
        ...pipeline.warnings,
      ]);
      if (warning !== null) this.#options.log.warn(warning);
      const { stored } = this.#running;
      const isPushKept =
        !isFileWanted && stored.running !== null && stored.running.fileVersion === versionOf(text);
      const wanted = isPushKept
        ? { ...this.#running, config }
        : {
            config,
            pipeline: pipeline.config,
            version: fileVersion(text),
            stored: { running: null, refused: stored.refused },
          };
      return await this.#apply(wanted, by, later);
    } catch (error) {
      return this.#refuse({ version, source: "file" }, error, by);
    }
  }

  async #push(pushed: PushedPipeline): Promise<ReloadReport> {
    const by = `central: ${pushed.by}`;
    const { config, version, stored } = this.#running;
    if (version.version === pushed.version && version.source === "central")
      return this.#told("unchanged", by, "it runs already");
    try {
      const { config: pipeline } = loadPushed(pushed);
      const file = readFilePipeline(config.pipelinePath);
      const running: RunningPush = {
        ...pushed,
        fileVersion: "error" in file ? null : versionOf(file.text),
        startsLeft: TRIAL_STARTS_MAX,
        previous: provenOf(stored.running),
      };
      const wanted = { config, pipeline, version: pushedVersion(pushed), stored: { running, refused: null } };
      return await this.#apply(wanted, by);
    } catch (error) {
      return this.#refuse({ version: pushed.version, source: "central" }, error, by);
    }
  }

  /** Throws a `ConfigError` that names what cannot change, each at its place; returns what waits for the next connection. */
  #refuseFixed({ config, problemAt }: Loaded<AgentConfig>): readonly string[] {
    const { refused, later } = changedFixedSettings(this.#options.config, config);
    const problems = refused.map((path) =>
      problemAt(
        path,
        `${path.join(".")} cannot change while the agent runs; set it back, or restart the agent`,
      ),
    );
    if (problems.length > 0) throw new ConfigError(this.#options.configPath, problems);
    return later;
  }

  async #apply(wanted: Wanted, by: string, later: readonly string[] = []): Promise<ReloadReport> {
    const atNextConnection = later.length === 0 ? "" : `; at the next connection: ${later.join(", ")}`;
    const before = this.#running;
    const areInputsNew = !isDeepStrictEqual(wanted.config.inputs, before.config.inputs);
    const isPipelineNew = !isDeepStrictEqual(wanted.version, before.version);
    const { seriesPerMetricMax } = wanted.config.limits;
    const isBoundNew = seriesPerMetricMax !== before.config.limits.seriesPerMetricMax;
    if (!areInputsNew && !isPipelineNew && !isBoundNew) {
      this.#takeOver(wanted);
      return this.#told("unchanged", by, `nothing has changed${atNextConnection}`);
    }
    const { agent, inputs, clock } = this.#options;
    const undo: (() => Promise<void>)[] = [];
    let durable: Promise<void> | undefined;
    try {
      if (areInputsNew) {
        await inputs.change(wanted.config.inputs);
        undo.push(() => inputs.change(before.config.inputs));
      }
      if (isPipelineNew) {
        undo.push(async () => {
          agent.expectNoPipeline();
          await inputs.follow(agent.subscriptions());
        });
        await inputs.follow(agent.expectPipeline(wanted.pipeline));
        durable = agent.changePipeline(wanted.pipeline, [putStoredPipeline(wanted.stored)]);
      }
    } catch (error) {
      for (const step of undo.toReversed())
        await step().catch((undoing: unknown) => this.#undoFailed(undoing));
      return this.#failed(wanted, error, by);
    }
    this.#takeOver(wanted);
    if (isPipelineNew) {
      // What is read no longer; that it comes for a while yet harms nobody.
      await inputs
        .follow(agent.subscriptions())
        .catch((error: unknown) => this.#options.log.error("cannot leave what is read no longer", { error }));
      this.#sinceMs = clock.nowMs();
      this.#sinceMonotonicMs = clock.monotonicMs();
    }
    this.#watchTrial();
    if (isBoundNew) agent.setSeriesMax(seriesPerMetricMax);
    const parts = [
      ...(areInputsNew ? ["inputs"] : []),
      ...(isPipelineNew ? ["pipeline"] : []),
      ...(isBoundNew ? ["limits.seriesPerMetricMax"] : []),
    ];
    const changed = `changed: ${parts.join(", ")}${atNextConnection}`;
    if (durable === undefined) return this.#told("applied", by, changed);
    this.#undurable = durable;
    void durable.then(() => {
      if (this.#undurable === durable) this.#undurable = null;
    });
    if (await this.#isSoon(durable)) return this.#told("applied", by, changed);
    const { version } = wanted.version;
    void durable.then(() => this.#options.log.info("configuration: now it is durable", { version }));
    const untilThen =
      "the store takes no writes now: it runs, but a restart before it does goes back to what ran before";
    return this.#told("applied_undurable", by, `${changed}; ${untilThen}`);
  }

  #takeOver(wanted: Wanted): void {
    if (wanted.config !== this.#running.config) this.#options.credentials.set(wanted.config.uplink);
    this.#running = wanted;
    // An earlier run has refused it, if there is one.
    this.#refused = wanted.stored.refused;
    this.#refusedMonotonicMs = null;
  }

  #isSoon(durable: Promise<void>): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = this.#options.clock.after(DURABLE_WAIT_MS_MAX, () => resolve(false));
    void durable.then(() => {
      timer.cancel();
      resolve(true);
    });
    return promise;
  }

  #undoFailed(error: unknown): void {
    this.#options.log.error("cannot take a change back", { error });
  }

  #failed(wanted: Wanted, error: unknown, by: string): ReloadReport {
    const { version, source } = wanted.version;
    const reason = error instanceof MillraceError ? error.explain() : reasonOf(error);
    return this.#notTaken("rolled_back", { version, source, reason }, by);
  }

  #refuse(what: Pick<RefusedPipeline, "version" | "source">, error: unknown, by: string): ReloadReport {
    // Of what is broken no message would say enough.
    if (!(error instanceof MillraceError)) this.#options.log.error("cannot read a configuration", { error });
    const reason = error instanceof Error ? error.message : String(error);
    return this.#notTaken("refused", { ...what, reason }, by);
  }

  #notTaken(
    outcome: "refused" | "rolled_back",
    refused: Omit<RefusedPipeline, "atMs">,
    by: string,
  ): ReloadReport {
    const { clock } = this.#options;
    this.#refused = { ...refused, atMs: clock.nowMs() };
    this.#refusedMonotonicMs = clock.monotonicMs();
    return this.#told(outcome, by, refused.reason);
  }

  #told(outcome: ReloadOutcome, by: string, detail: string): ReloadReport {
    const { version } = this.#running.version;
    const { agent, log, metrics } = this.#options;
    agent.audit({ reload: outcome, by, version, detail });
    metrics.counter("millrace_agent_reloads_total").add(1, { outcome });
    const [level, text] = SAID_OF[outcome];
    log[level](`configuration: ${text}`, { by, version, detail });
    return { outcome, version, detail };
  }

  /** Once it has run for long enough, a start with it needs no trial any more. */
  #watchTrial(): void {
    this.#trial?.cancel();
    const { running } = this.#running.stored;
    if (running === null || running.startsLeft === null) return;
    this.#trial = this.#options.clock.after(TRIAL_MS, () => {
      const proven = { ...running, startsLeft: null, previous: null };
      const stored = { ...this.#running.stored, running: proven };
      this.#running = { ...this.#running, stored };
      void this.#options.agent.keep([putStoredPipeline(stored)]);
    });
  }
}

/** What a pushed pipeline is followed by if it does not stand its trial: none that is on trial itself. */
function provenOf(running: RunningPush | null): PushedPipeline | null {
  if (running === null) return null;
  if (running.startsLeft !== null) return running.previous;
  const { text, version, pushedAtMs, by } = running;
  return { text, version, pushedAtMs, by };
}
