import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  type AgentConfig,
  formatProblem,
  formatWarnings,
  loadAgentConfig,
  unreadFiles,
} from "@millrace/config";
import { isStoreDamage, LevelStore } from "@millrace/queue";
import {
  createLogger,
  type ExitCode,
  formatVersion,
  Health,
  type Logger,
  Metrics,
  MillraceError,
  onReloadSignal,
  onStopSignals,
  prepareDataFolder,
  Shutdown,
  systemClock,
  systemRandom,
  systemReadBuffers,
  zstdCompression,
} from "@millrace/runtime";
import type { UplinkTransport } from "@millrace/wire";
import { CommandPublisher } from "./actions/command-publisher.ts";
import { Agent } from "./agent.ts";
import type { AgentOptions } from "./agent-options.ts";
import { readForInputs } from "./durability/agent-store.ts";
import { DescriptorBudget } from "./durability/descriptor-budget.ts";
import { DiskReserve } from "./durability/disk-reserve.ts";
import { FreeSpace } from "./durability/free-space.ts";
import { lastEndText } from "./durability/last-end.ts";
import { StoredBroker } from "./durability/stored-broker.ts";
import { StoredSessionFilters } from "./durability/stored-session-filters.ts";
import { BrokerInput } from "./inputs/broker/broker-input.ts";
import { FileInput } from "./inputs/files/file-input.ts";
import { HostInput } from "./inputs/host-input.ts";
import { systemHostReaders } from "./inputs/host-readers.ts";
import type { Junk } from "./inputs/junk.ts";
import { HttpInput } from "./inputs/http/http-input.ts";
import { MqttInput } from "./inputs/mqtt-input.ts";
import { SparkplugPresence } from "./inputs/sparkplug-presence.ts";
import { serviceManager } from "./service/service-manager.ts";
import { serviceState } from "./service/service-state.ts";
import { RunningInputs } from "./inputs/running-inputs.ts";
import { readFilePipeline } from "./reload/file-pipeline.ts";
import { Reloader } from "./reload/reloader.ts";
import { startPipeline } from "./reload/start-pipeline.ts";
import { SparkplugHosts } from "./sparkplug/sparkplug-hosts.ts";
import { agentUrl } from "./status/agent-url.ts";
import { shownCertificates } from "./status/shown-certificates.ts";
import { StatusServer } from "./status/status-server.ts";
import { KafkaUplink } from "./uplink/kafka-uplink.ts";
import { MqttUplink } from "./uplink/mqtt-uplink.ts";
import { UplinkCredentials } from "./uplink/uplink-credentials.ts";
import { AGENT_STORE_VERSION, agentVersion } from "./version.ts";

/** The connection to the site's broker as a Sparkplug host; nodes behind it are known by this name. */
const SPARKPLUG_INPUT = "sparkplug";
/** Longest wait at a stop for central to hold what is in the outbox; the rest stays there. */
const DRAIN_MS = 10_000;

/** `millrace-agent run`: the agent with its sockets. Resolves with the exit code when it has stopped. */
export async function runAgent(configPath: string): Promise<ExitCode> {
  const loaded = loadAgentConfig(configPath);
  const { config, warnings, uplinkProblems } = loaded;
  const file = readFilePipeline(config.pipelinePath);
  const storePath = join(config.dataFolder, "store");
  // Only a store can hold another pipeline.
  if ("error" in file && !existsSync(storePath)) throw file.error;
  const log = createLogger({ level: config.logLevel });
  const version = agentVersion();
  log.info(formatVersion(version), { agent: config.agent, site: config.site });
  for (const problem of uplinkProblems) log.error(formatProblem(problem));
  for (const warning of warnings) log.warn(formatProblem(warning));

  const manager = serviceManager({ clock: systemClock, log: log.child("systemd") });
  manager?.starting();
  prepareDataFolder(config.dataFolder);
  const reserve = new DiskReserve({ path: join(config.dataFolder, "reserve"), clock: systemClock });
  const store = await openStore(storePath, reserve, log);
  const { opened, setAsidePath } = store;
  if (store.hasLostCommits || opened === "set_aside")
    log.error("the store was damaged", { opened, path: storePath, setAsidePath });

  const start = await repairing(store, log, () =>
    startPipeline({ store, file, nowMs: systemClock.nowMs(), log }),
  ).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const warning = formatWarnings([...unreadFiles(loaded, start.loaded.config), ...start.loaded.warnings]);
  if (warning !== null) log.warn(warning);

  const instance = systemRandom.hex(8);
  const metrics = new Metrics();
  metrics.gauge("millrace_info").set(1, { program: version.program, version: version.version });
  const failed = Promise.withResolvers<void>();
  let sensors: HostInput | undefined;
  const freeSpace = new FreeSpace({ path: config.dataFolder, clock: systemClock });
  const credentials = new UplinkCredentials(config.uplink, { clock: systemClock, log: log.child("uplink") });
  const sparkplugHosts = new SparkplugHosts(log.child("sparkplug"));
  const options: Omit<AgentOptions, "hasLostCommits"> = {
    config,
    pipeline: start.loaded.config,
    store,
    clock: systemClock,
    random: systemRandom,
    log,
    metrics,
    compression: zstdCompression,
    transport: await uplinkTransport(config, instance, credentials),
    instance,
    program: version.version,
    unavailableSensors: () => sensors?.status().unavailable ?? {},
    configuration: () => reloader.status(),
    pushPipeline: (pushed) => reloader.push(pushed),
    publish: (topic, payload, how) => commands.publish(topic, payload, how),
    sparkplug: sparkplugHosts,
    freeBytes: () => freeSpace.bytes,
    failedForGood: () => failed.resolve(),
    lossBooked: () =>
      void store
        .lossBooked()
        .catch((error: unknown) => log.warn("cannot forget a loss that is told", { error })),
  };
  const agent = await repairing(store, log, async () => {
    await readForInputs(store);
    return Agent.open({ ...options, lastEnd: store.lastEnd, hasLostCommits: store.hasLostCommits });
  });
  store.tellProgress(() => agent.receivedCount);
  tellLastEnd(agent, log);

  const world = {
    clock: systemClock,
    random: systemRandom,
    log: log.child("input"),
    evidence: agent.evidence,
    payloadBytesMax: config.limits.payloadBytesMax,
    setAside: (junk: Junk) => agent.setAside(junk),
  };
  const sessions = new StoredSessionFilters({ store, keep: (changes) => agent.keep(changes) });
  const kept = new StoredBroker({ ...world, store, records: agent.brokerRecords });
  const newPresence = () => new SparkplugPresence({ ...config.sparkplug, clock: systemClock });
  const buffers = systemReadBuffers();
  const inputs = new RunningInputs({
    maker: {
      broker(inputs, { commandFilters, sparkplugFilters }) {
        const { broker } = inputs;
        const [clientsMax] = clientsOf(inputs, log);
        if (broker === null) return null;
        const presence = newPresence();
        const input = new BrokerInput({
          ...world,
          ...broker,
          free: (buffer) => buffers.free(buffer),
          presence,
          isSparkplugHost: sparkplugFilters.length > 0,
          sparkplugBytesMax: config.sparkplug.payloadBytesMax,
          kept,
          clientsMax,
          name: "broker",
          commandFilters,
        });
        sparkplugHosts.set(input, presence);
        return input;
      },
      mqtt: ({ mqtt }, subscriptions) =>
        mqtt && new MqttInput({ ...world, ...mqtt, ...subscriptions, sessions, name: "mqtt" }),
      sparkplug({ mqtt }, { sparkplugFilters }) {
        if (mqtt === null || sparkplugFilters.length === 0) return null;
        const presence = newPresence();
        const input = new MqttInput({
          ...world,
          ...mqtt,
          name: SPARKPLUG_INPUT,
          clientId: `${mqtt.clientId}-sparkplug`,
          // A node's sequence is heard as a whole or not at all.
          sharedGroup: null,
          filters: sparkplugFilters,
          ownFilters: [],
          payloadBytesMax: config.sparkplug.payloadBytesMax,
          presence,
          lost: () => agent.sparkplugLost(SPARKPLUG_INPUT),
        });
        sparkplugHosts.set(input, presence);
        return input;
      },
      http(inputs) {
        const { http } = inputs;
        const [, clientsMax] = clientsOf(inputs, log);
        const failure = () => agent.storeFailure;
        return http && new HttpInput({ ...world, ...http, clientsMax, name: "http", failure });
      },
      files: ({ files }) =>
        files.length === 0
          ? null
          : new FileInput({ ...world, name: "files", files, positions: agent.filePositions }),
      startHost({ host }) {
        const input =
          host === null
            ? undefined
            : new HostInput({
                ...host,
                folders: ["/", config.dataFolder],
                readers: systemHostReaders,
                clock: systemClock,
                log: log.child("host"),
              });
        sensors = input;
        input?.start((reading) => agent.receiveHost(reading));
        return input === undefined ? null : () => input.stop();
      },
    },
    handler(arrival) {
      buffers.add(arrival.topic.length + arrival.payload.length);
      return agent.receive(arrival);
    },
    subscriptions: agent.subscriptions(),
    clock: systemClock,
    log: log.child("input"),
  });
  const commands = new CommandPublisher(inputs.brokers, log.child("commands"));
  const reloader = new Reloader({
    configPath,
    config,
    start,
    agent,
    inputs,
    credentials,
    clock: systemClock,
    log: log.child("reload"),
    metrics,
    begins: () => manager?.reloading() ?? (() => undefined),
  });
  onReloadSignal(() => void reloader.reload("SIGHUP"));
  const health = new Health();
  health.add("alive", "store", () => agent.status().store.failure);
  health.add(
    "ready",
    "inputs",
    () => inputs.all.map((input) => input.status().reason).find((reason) => reason !== null) ?? null,
  );

  const shutdown = new Shutdown({ clock: systemClock, log });
  let statusServer: StatusServer | undefined;
  try {
    statusServer = await StatusServer.start({
      ...config.http,
      agent,
      inputs: inputs.all,
      reloader,
      metrics,
      health,
      certificates: () =>
        shownCertificates({ inputs: inputs.config, uplinkCertificate: credentials.certificate }),
    });
    await inputs.change(config.inputs);
  } catch (error) {
    // What listens already would keep the process alive, and a store that is not closed passes for one that was killed.
    await inputs.stop();
    reloader.stop();
    await statusServer?.stop();
    await store.close();
    freeSpace.stop();
    throw error;
  }
  await freeSpace.start();
  void reserve.start();
  agent.start();
  inputs.startHost();
  log.info("running", {
    inputs: [...inputs.all.map(({ name }) => name), ...(inputs.config.host === null ? [] : ["host"])],
    pipeline: start.version.version,
    status: `${agentUrl({ http: { ...config.http, port: statusServer.port } })}/status`,
  });

  manager?.ready(() => serviceState(agent));

  shutdown.add({
    name: "inputs",
    limitMs: 5_000,
    run: async () => {
      manager?.stopping();
      reloader.stop();
      freeSpace.stop();
      reserve.stop();
      agent.judgeWindows();
      await inputs.stop();
    },
  });
  shutdown.add({
    name: "outbox",
    limitMs: DRAIN_MS + 5_000,
    run: async () => {
      try {
        await agent.stop(DRAIN_MS);
      } finally {
        log.info("ledger at the stop", { ledger: agent.status().ledger });
      }
    },
  });
  shutdown.add({ name: "status page", limitMs: 2_000, run: () => statusServer.stop() });
  shutdown.add({ name: "store", limitMs: 5_000, run: () => store.close() });
  const { promise, resolve } = Promise.withResolvers<ExitCode>();
  const stop = async (reason: string) => resolve((await shutdown.stop(reason)) ? 0 : 1);
  onStopSignals({ stop: (signal) => void stop(signal), force: () => process.exit(1) });
  void failed.promise.then(() => stop("the store is gone"));
  return promise;
}

function tellLastEnd(agent: Agent, log: Logger): void {
  const { lastEnd } = agent;
  const text = lastEnd === null ? undefined : lastEndText(lastEnd);
  if (text !== undefined) log.warn(`the last run did not end in order: ${text}`, { ...lastEnd });
}

/** On a full disk the reserve makes room, once: the rules must not wait for somebody to do so. */
async function openStore(path: string, reserve: DiskReserve, log: Logger): Promise<LevelStore> {
  const open = () =>
    LevelStore.open({ path, kind: "agent", version: AGENT_STORE_VERSION, pid: process.pid, log });
  try {
    return await open();
  } catch (error) {
    const isUnwritable = error instanceof MillraceError && error.code === "store_unwritable";
    if (!isUnwritable || !(await reserve.release())) throw error;
    log.error("the store does not open; the disk's reserve is given up for it", { error });
    return open();
  }
}

/** The Kafka client is loaded where it is needed: it is larger than everything else of the uplink. */
async function uplinkTransport(
  config: AgentConfig,
  instance: string,
  credentials: UplinkCredentials,
): Promise<UplinkTransport> {
  const { agent, site, uplink } = config;
  const { kafka, url, username } = uplink;
  if (kafka === null)
    return new MqttUplink({
      url,
      username,
      credentials: () => credentials.read(),
      certificateFault: () => credentials.certificateFault,
      agent,
      instance,
      clock: systemClock,
    });
  const { PlatformaticClient } = await import("@millrace/kafka");
  const tls = () => (kafka.tls === null ? null : credentials.read());
  return new KafkaUplink({
    agent,
    site,
    topic: kafka.topic,
    // It tries again with patience itself.
    producer: () => new PlatformaticClient({ ...kafka, tls: tls() }).producer({ patienceMs: 0 }),
    clock: systemClock,
  });
}

/** Damage that LevelDB finds only while it reads does not refuse the start: the store is repaired, and read anew. */
async function repairing<Read>(store: LevelStore, log: Logger, read: () => Promise<Read>): Promise<Read> {
  try {
    return await read();
  } catch (error) {
    if (!isStoreDamage(error)) throw error;
    log.error("the store is damaged and is being repaired; what cannot be read is lost", { error });
    await store.repair();
    return read();
  }
}

/** Most clients of the broker and of HTTP: as configured, or as many as the process has descriptors for. */
function clientsOf({ broker, http }: AgentConfig["inputs"], log: Logger): number[] {
  const budget = DescriptorBudget.ofProcess();
  const wanted = [broker?.clientsMax ?? 0, http?.clientsMax ?? 0];
  const clientsMax = budget.share(wanted);
  if (clientsMax.some((each, index) => each < wanted[index]))
    log.repeated(
      "descriptors",
      "the process may not open as many files as its inputs may have clients; raise the limit (LimitNOFILE=), or lower clientsMax",
      { openFilesMax: budget.openFilesMax, wanted, clientsMax },
    );
  return clientsMax;
}
