import { join } from "node:path";
import {
  type AgentConfig,
  formatProblem,
  loadAgentConfig,
  loadPipeline,
  type Pipeline,
} from "@millrace/config";
import { topicFilter } from "@millrace/detect";
import { LevelStore } from "@millrace/queue";
import {
  createLogger,
  type ErrorCode,
  type ExitCode,
  formatVersion,
  Health,
  type Logger,
  Metrics,
  MillraceError,
  onStopSignals,
  prepareDataFolder,
  Shutdown,
  systemClock,
  systemRandom,
  zstdCompression,
} from "@millrace/runtime";
import type { UplinkTransport } from "@millrace/wire";
import { CommandPublisher } from "./actions/command-publisher.ts";
import { Agent, type AgentOptions } from "./agent.ts";
import { DescriptorBudget } from "./descriptor-budget.ts";
import { DiskReserve } from "./disk-reserve.ts";
import { FreeSpace } from "./free-space.ts";
import { BrokerInput } from "./inputs/broker-input.ts";
import { FileInput } from "./inputs/files/file-input.ts";
import { HostInput } from "./inputs/host-input.ts";
import { systemHostReaders } from "./inputs/host-readers.ts";
import { HttpInput } from "./inputs/http/http-input.ts";
import type { Input, ReadingInput } from "./inputs/input.ts";
import { MqttInput } from "./inputs/mqtt-input.ts";
import { serviceManager } from "./service/service-manager.ts";
import { serviceState } from "./service/service-state.ts";
import { StatusServer } from "./status-server.ts";
import { KafkaUplink } from "./uplink-transport/kafka-uplink.ts";
import { MqttUplink } from "./uplink-transport/mqtt-uplink.ts";
import { AGENT_STORE_VERSION, agentVersion } from "./version.ts";

/** Longest wait at a stop for central to hold what is in the outbox; the rest stays there. */
const DRAIN_MS = 10_000;

/** `millrace-agent run`: the agent with its sockets. Resolves with the exit code when it has stopped. */
export async function runAgent(configPath: string): Promise<ExitCode> {
  const { config, warnings } = loadAgentConfig(configPath);
  const pipeline = loadPipeline(config.pipelinePath);
  const log = createLogger({ level: config.logLevel });
  log.info(formatVersion(agentVersion()), { agent: config.agent, site: config.site });
  for (const warning of [...warnings, ...pipeline.warnings]) log.warn(formatProblem(warning));

  const manager = serviceManager({ clock: systemClock, log: log.child("systemd") });
  manager?.starting();
  prepareDataFolder(config.dataFolder);
  const storePath = join(config.dataFolder, "store");
  const reserve = new DiskReserve({ path: join(config.dataFolder, "reserve"), clock: systemClock });
  const store = await openStore(storePath, reserve, log);
  const { opened, setAsidePath } = store;
  if (store.hasLostCommits || opened === "set_aside")
    log.error("the store was damaged", { opened, path: storePath, setAsidePath });

  const instance = systemRandom.hex(8);
  const brokers: Input[] = [];
  const commands = new CommandPublisher(brokers);
  const metrics = new Metrics();
  const failed = Promise.withResolvers<void>();
  const { broker, mqtt, http, files, host } = config.inputs;
  const sensors =
    host === null
      ? undefined
      : new HostInput({ ...host, readers: systemHostReaders, clock: systemClock, log: log.child("host") });
  const freeSpace = new FreeSpace({ path: config.dataFolder, clock: systemClock });
  const options: Omit<AgentOptions, "hasLostCommits"> = {
    config,
    pipeline: pipeline.config,
    store,
    clock: systemClock,
    random: systemRandom,
    log,
    metrics,
    compression: zstdCompression,
    transport: await uplinkTransport(config, instance),
    instance,
    program: agentVersion().version,
    unavailableSensors: () => sensors?.status().unavailable ?? {},
    publish: (topic, payload) => commands.publish(topic, payload),
    freeBytes: () => freeSpace.bytes,
    failedForGood: () => failed.resolve(),
    lossBooked: () =>
      void store
        .lossBooked()
        .catch((error: unknown) => log.warn("cannot forget a loss that is told", { error })),
  };
  const agent = await openRepairing(options, store);

  const world = {
    clock: systemClock,
    random: systemRandom,
    log: log.child("input"),
    ...agent.filters(),
    evidence: agent.evidence,
  };
  const [brokerClientsMax, httpClientsMax] = clientsOf(config.inputs, log);
  if (broker !== null)
    brokers.push(
      new BrokerInput({
        ...world,
        ...broker,
        clientsMax: brokerClientsMax,
        name: "broker",
        commandFilters: commandFilters(pipeline.config),
      }),
    );
  const { payloadBytesMax } = config.limits;
  if (mqtt !== null) brokers.push(new MqttInput({ ...world, ...mqtt, name: "mqtt", payloadBytesMax }));
  const inputs: ReadingInput[] = [...brokers];
  if (http !== null) {
    const failure = () => agent.storeFailure;
    const clientsMax = httpClientsMax;
    inputs.push(new HttpInput({ ...world, ...http, clientsMax, name: "http", payloadBytesMax, failure }));
  }
  if (files.length > 0) {
    const positions = agent.filePositions;
    inputs.push(new FileInput({ ...world, name: "files", files, payloadBytesMax, positions }));
  }
  const health = new Health();
  health.add("alive", "store", () => agent.status().store.failure);
  health.add(
    "ready",
    "inputs",
    () => inputs.map((input) => input.status()).find(({ isConnected }) => !isConnected)?.reason ?? null,
  );

  const shutdown = new Shutdown({ clock: systemClock, log });
  const statusServer = await StatusServer.start({
    ...config.http,
    agent,
    inputs,
    metrics,
    health,
  });
  try {
    for (const input of inputs) await input.start((arrival) => agent.receive(arrival));
  } catch (error) {
    // What listens already would keep the process alive.
    await Promise.all(inputs.map((input) => input.stop()));
    await statusServer.stop();
    await store.close();
    freeSpace.stop();
    throw error;
  }
  await freeSpace.start();
  void reserve.start();
  agent.start();
  sensors?.start(({ sensor, labels, value, timeMs }) => agent.receiveHost(sensor, labels, value, timeMs));
  log.info("running", {
    inputs: inputs.map(({ name }) => name),
    status: `http://${config.http.host}:${statusServer.port}/status`,
  });

  manager?.ready(() => serviceState(agent));

  shutdown.add({
    name: "inputs",
    limitMs: 5_000,
    run: async () => {
      manager?.stopping();
      sensors?.stop();
      freeSpace.stop();
      reserve.stop();
      await Promise.all(inputs.map((input) => input.stop()));
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

/** On a full disk the reserve makes room, once: the rules must not wait for somebody to do so. */
async function openStore(path: string, reserve: DiskReserve, log: Logger): Promise<LevelStore> {
  const open = () => LevelStore.open({ path, kind: "agent", version: AGENT_STORE_VERSION, pid: process.pid });
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
async function uplinkTransport(config: AgentConfig, instance: string): Promise<UplinkTransport> {
  const { agent, site, uplink } = config;
  const { kafka } = uplink;
  if (kafka === null) return new MqttUplink({ ...uplink, agent, instance, clock: systemClock });
  const { PlatformaticProducer } = await import("./uplink-transport/platformatic-producer.ts");
  return new KafkaUplink({
    agent,
    site,
    producer: () => new PlatformaticProducer(kafka),
    clock: systemClock,
  });
}

/** Damage that LevelDB finds only while it reads does not refuse the start: the store is repaired, once. */
async function openRepairing(
  options: Omit<AgentOptions, "hasLostCommits">,
  store: LevelStore,
): Promise<Agent> {
  const open = () => Agent.open({ ...options, hasLostCommits: store.hasLostCommits });
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof MillraceError) || !DAMAGE_CODES.has(error.code)) throw error;
    options.log.error("the store is damaged and is being repaired; what cannot be read is lost", { error });
    await store.repair();
    return open();
  }
}

/** Most clients of the broker and of HTTP: as configured, or as many as the process has descriptors for. */
function clientsOf({ broker, http }: AgentConfig["inputs"], log: Logger): number[] {
  const budget = DescriptorBudget.ofProcess();
  const wanted = [broker?.clientsMax ?? 0, http?.clientsMax ?? 0];
  const clientsMax = budget.share(wanted);
  if (clientsMax.some((each, index) => each < wanted[index]))
    log.warn(
      "the process may not open as many files as its inputs may have clients; raise the limit (LimitNOFILE=), or lower clientsMax",
      { openFilesMax: budget.openFilesMax, wanted, clientsMax },
    );
  return clientsMax;
}

const DAMAGE_CODES: ReadonlySet<ErrorCode> = new Set(["store_corrupt", "store_read"]);

function commandFilters(pipeline: Pipeline): string[] {
  return pipeline.rules.flatMap(({ action }) => (action === null ? [] : [topicFilter(action.topicTemplate)]));
}
