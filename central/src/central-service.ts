import { statfsSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { isOpenHost } from "@millrace/config";
import type { CentralConfig, Pipeline, ServerTls } from "@millrace/config";
import { isStoreDamage, type LevelStore } from "@millrace/queue";
import {
  CertificateFiles,
  Metrics,
  MillraceError,
  MILLRACE_VERSION,
  Shutdown,
  systemClock,
  systemRandom,
  zstdCompression,
} from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import { Access } from "./api/access.ts";
import type { Assets } from "./api/assets.ts";
import { writeOwnToken } from "./api/own-token.ts";
import { ApiServer } from "./api/server.ts";
import { Central } from "./central.ts";
import { CentralMetrics } from "./central-metrics.ts";
import { laterSettings } from "./later-settings.ts";
import type { StoreLoss } from "./state/store-loss.ts";
import { raisedGeneration } from "./store/raised-generation.ts";
import type { BrokerIntake } from "./intake/broker-intake.ts";
import { MqttIntake } from "./intake/mqtt-intake.ts";
import { openBrokerIntake } from "./intake/open-broker-intake.ts";
import { openUplinkLog } from "./log/open-uplink-log.ts";
import { RecordSources } from "./records/record-sources.ts";
import type { OpenSinks, Sink } from "./sinks/open-sinks.ts";

export interface CentralServiceOptions {
  readonly config: CentralConfig;
  readonly pipeline: Pipeline;
  /** Open; the service closes it. */
  readonly store: LevelStore;
  readonly assets: Assets;
  readonly log: Logger;
  /** Commits have failed for good: the process should end with failure and be started again. */
  readonly onFailed: (error: unknown) => void;
}

/** Central with its sockets: the core, the agents' intake and the API, in one process. */
export class CentralService {
  readonly central: Central;
  readonly #intake: MqttIntake;
  readonly #brokerIntake: BrokerIntake | null;
  readonly #api: ApiServer;
  readonly #access: Access;
  readonly #certificates: readonly CertificateFiles[];
  readonly #shutdown: Shutdown;
  readonly #config: CentralConfig;
  readonly #pipeline: Pipeline;

  private constructor(parts: {
    config: CentralConfig;
    pipeline: Pipeline;
    central: Central;
    intake: MqttIntake;
    brokerIntake: BrokerIntake | null;
    api: ApiServer;
    access: Access;
    certificates: readonly CertificateFiles[];
    shutdown: Shutdown;
  }) {
    this.#config = parts.config;
    this.#pipeline = parts.pipeline;
    this.central = parts.central;
    this.#intake = parts.intake;
    this.#brokerIntake = parts.brokerIntake;
    this.#api = parts.api;
    this.#access = parts.access;
    this.#certificates = parts.certificates;
    this.#shutdown = parts.shutdown;
  }

  /** Restores the state and listens. What was begun is ended again when a step fails. */
  static async start(options: CentralServiceOptions): Promise<CentralService> {
    const { assets, config, log, onFailed, pipeline, store } = options;
    const shutdown = new Shutdown({ clock: systemClock, log });
    const metrics = new Metrics();
    metrics.gauge("millrace_info").set(1, { program: "millrace-central", version: MILLRACE_VERSION });
    const centralMetrics = new CentralMetrics(metrics);
    const uplinkLog = await openUplinkLog(config, log.child("log"));
    const newCentral = () =>
      new Central({
        ...uplinkLog(),
        agents: config.agents,
        pipeline,
        records: config.records,
        graceMs: config.windows.graceMs,
        retainMs: config.windows.retainMs,
        history: config.history,
        evidence: config.evidence,
        quarantine: config.quarantine,
        limits: config.limits,
        silentAfterMs: config.silentAfterMs,
        store,
        clock: systemClock,
        random: systemRandom,
        log,
        compression: zstdCompression,
        onFailed,
        onCommitted: (durationMs) => centralMetrics.committed(durationMs),
        onCommitFailed: () => centralMetrics.commitFailed(),
        ...lossOf(store, log),
      });
    let central = newCentral();
    let sinks: readonly Sink[] = [];
    let scraped: OpenSinks["scraped"] = null;
    let certificates: readonly CertificateFiles[] = [];
    let sources: RecordSources | null = null;
    const open = async () => {
      if (Object.values(config.sinks).some((sink) => sink !== null)) {
        const generation = await raisedGeneration(store, {
          nowMs: systemClock.nowMs(),
          random: systemRandom,
        });
        const { openSinks } = await import("./sinks/open-sinks.ts");
        ({ sinks, scraped } = await openSinks({
          config,
          windows: pipeline.windows,
          metrics: pipeline.metrics,
          central,
          store,
          generation,
          log: log.child("sinks"),
        }));
      }
      await central.open();
    };
    const addCoreSteps = (steps: Shutdown) => {
      steps.add({ name: "the sources of records", limitMs: 5_000, run: async () => sources?.close() });
      steps.add({ name: "the core", limitMs: 15_000, run: () => central.close() });
      for (const sink of sinks)
        steps.add({ name: `the sink ${sink.view.sink}`, limitMs: 5_000, run: () => sink.stop() });
    };
    try {
      try {
        await open();
      } catch (error) {
        // Damage that LevelDB finds only while it reads does not refuse the start.
        if (!isStoreDamage(error)) throw error;
        log.error("the store is damaged and is being repaired; what cannot be read is lost", { error });
        await Promise.all(sinks.map((sink) => sink.stop()));
        await store.repair();
        central = newCentral();
        await open();
      }
      sources = await RecordSources.start(central, { config, store, log: log.child("records") });
      const records = sources.target;
      const ownToken = writeOwnToken(config.dataFolder, systemRandom);
      let brokerIntake: BrokerIntake | null = null;
      const access = new Access({ ...config.http, ownToken, clock: systemClock, random: systemRandom });
      const api: ApiServer = await ApiServer.listen({
        ...config.http,
        access,
        reader: central,
        records,
        sinks: () => sinks.map(({ view }) => view),
        assets,
        metrics,
        refreshMetrics: () =>
          centralMetrics.refresh(central, {
            nowMs: systemClock.nowMs(),
            streamClients: api.stream.clientCount,
            sinks: sinks.map(({ view }) => view),
            records: records.recordStreams(),
            scraped: scraped?.view ?? null,
            certificates: certificates.flatMap(({ name, notAfterMs }) =>
              notAfterMs === null ? [] : [{ listener: name, notAfterMs }],
            ),
            freeBytes: freeBytesOf(config.dataFolder),
            broker: brokerIntake?.view ?? null,
          }),
        windowGauges: () => scraped?.families() ?? [],
        intakeObstacle: () => brokerIntake?.obstacle ?? null,
        clock: systemClock,
        random: systemRandom,
        log: log.child("api"),
      });
      shutdown.add({ name: "the API", limitMs: 5_000, run: () => api.close() });
      const { host, port, tls } = config.intake.mqtt;
      const intake = await MqttIntake.listen({
        host,
        port,
        tls,
        identities: config.agents,
        target: central,
        log: log.child("intake"),
      });
      brokerIntake = await openBrokerIntake(config, central, log.child("broker"));
      // The core first: what has arrived is committed and acknowledged while the agents are still connected.
      const steps = new Shutdown({ clock: systemClock, log });
      addCoreSteps(steps);
      certificates = [
        certificateFiles("intake", config.intake.mqtt.tls, log, (renewed) => intake.renewTls(renewed)),
        certificateFiles("http", config.http.tls, log, (renewed) => api.renewTls(renewed)),
      ].filter((each) => each !== null);
      for (const each of certificates) each.start();
      steps.add({
        name: "the certificates",
        limitMs: 1_000,
        run: async () => {
          for (const each of certificates) each.stop();
        },
      });
      steps.add({ name: "the intake", limitMs: 5_000, run: () => intake.close() });
      if (brokerIntake !== null)
        steps.add({ name: "the broker", limitMs: 5_000, run: () => brokerIntake.close() });
      steps.add({ name: "the API", limitMs: 5_000, run: () => api.close() });
      steps.add({ name: "the store", limitMs: 5_000, run: () => store.close() });
      // Last: the first write shuts out the central before, which a start that fails must not.
      for (const sink of sinks) sink.start();
      return new CentralService({
        config,
        pipeline,
        central,
        intake,
        brokerIntake,
        api,
        access,
        certificates,
        shutdown: steps,
      });
    } catch (error) {
      addCoreSteps(shutdown);
      shutdown.add({ name: "the store", limitMs: 5_000, run: () => store.close() });
      await shutdown.stop("it could not start");
      throw error;
    }
  }

  get intakePort(): number {
    return this.#intake.port;
  }

  get apiPort(): number {
    return this.#api.port;
  }

  /** Looks at the files of certificates now. True: what they hold is in force; else the log says why it is not. */
  renewCertificates(): boolean {
    return this.#certificates.map((each) => each.renew()).every((isInForce) => isInForce);
  }

  /**
   * Takes over agents, users and tokens; returns which other settings differ, which wait for the next start.
   * Rejects with `reload_refused` before anything is changed.
   */
  async reload(next: CentralConfig, pipeline: Pipeline): Promise<string[]> {
    this.#refuseOpening(next);
    this.#access.setHolders(next.http);
    this.#intake.setIdentities(next.agents);
    this.#brokerIntake?.setIdentities(next.agents);
    await this.central.setAgents(next.agents);
    const isSamePipeline = isDeepStrictEqual(this.#pipeline, pipeline);
    return [...laterSettings(this.#config, next), ...(isSamePipeline ? [] : ["pipeline"])];
  }

  /** What is right at the address in the file may not be at the one that is listened on until the next start. */
  #refuseOpening({ path, http: { users, tokens } }: CentralConfig): void {
    const { host } = this.#config.http;
    if (users.length + tokens.length > 0 || !isOpenHost(host)) return;
    throw new MillraceError("reload_refused", {
      path,
      reason: `without users and tokens everybody in the network could use dashboard and API, which listen on ${host} until central's next start`,
    });
  }

  /** The orderly stop, once. True when every step ended well. */
  stop(reason: string): Promise<boolean> {
    return this.#shutdown.stop(reason);
  }
}

/** What central has to tell of its store; nothing where it is whole. */
function lossOf(store: LevelStore, log: Logger): { readonly loss?: StoreLoss } {
  const { hasLostCommits, opened, setAsidePath } = store;
  if (!hasLostCommits && opened !== "set_aside") return {};
  const done =
    opened === "set_aside"
      ? "it could not be mended, and a new one is begun"
      : "it was mended, and what was whole is kept; some of what was committed may be gone";
  const aside = setAsidePath === undefined ? "" : `; what was damaged is in ${setAsidePath}`;
  const booked = () =>
    void store
      .lossBooked()
      .catch((error: unknown) => log.warn("cannot forget a loss that is told", { error }));
  return { loss: { detail: `${done}${aside}`, booked } };
}

/** Null where the system does not say. */
function freeBytesOf(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

/** Null where the listener has no TLS. */
function certificateFiles(
  name: string,
  tls: ServerTls | null,
  log: Logger,
  renew: (tls: { readonly cert: string; readonly key: string; readonly ca: string | null }) => void,
): CertificateFiles | null {
  if (tls === null) return null;
  const { cert, key, ca, paths } = tls;
  return new CertificateFiles({
    name,
    paths,
    texts: { cert, key, ca },
    clock: systemClock,
    log,
    apply: (texts) => renew({ cert: texts.cert ?? cert, key: texts.key ?? key, ca: texts.ca }),
  });
}
