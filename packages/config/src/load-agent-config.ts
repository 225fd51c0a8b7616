import type { z } from "zod";
import { agentSchema } from "./agent-schema.ts";
import type { AgentConfig, RecorderConfig } from "./agent-config.ts";
import { ConfigReader } from "./config-reader.ts";
import { isSameAddress } from "./is-same-address.ts";
import { isOpenHost } from "./open-host.ts";
import type { Loaded, LoadOptions } from "./load.ts";
import type { Problem } from "./problem.ts";
import { readCertificates } from "./read-certificates.ts";
import { Remade } from "./remade.ts";
import { resolveHttpInput } from "./resolve-http-input.ts";
import { resolveKafka } from "./resolve-kafka.ts";
import { resolveTailedFiles } from "./resolve-tailed-files.ts";

const schema = new Remade(agentSchema);

/** A configuration that may have faults which keep no agent from its start. */
export interface LoadedAgent extends Loaded<AgentConfig> {
  /** What of the uplink's certificates cannot be used: `check` refuses it, a start goes on with the link down. */
  readonly uplinkProblems: readonly Problem[];
}

/** Reads agent.yaml. Throws `config_unreadable`, or `config_invalid` (a `ConfigError`) with everything that is wrong. */
export function loadAgentConfig(path: string, options: LoadOptions = {}): LoadedAgent {
  const reader = new ConfigReader(path, options);
  const file = reader.parse(schema.get(), reader.source.toValue());
  if (file === undefined) return reader.refuse();
  const { broker, mqtt, http, files, host } = file.inputs;
  if ([broker, mqtt, http, host].every((input) => input === undefined) && files.length === 0) {
    reader.problem(
      ["inputs"],
      "inputs is empty; it must have at least one of broker, mqtt, http, files, host",
      "key",
    );
  }
  const users = (broker?.users ?? []).map((entry, index) => {
    const keyPath = ["inputs", "broker", "users", index];
    if (broker?.users.findIndex(({ user }) => user === entry.user) !== index)
      reader.problem([...keyPath, "user"], `user ${entry.user} stands twice; list each once`);
    const password = reader.readSecret(keyPath, entry);
    if (password === null && broker?.tls?.ca === undefined) {
      reader.problem(
        keyPath,
        `user ${entry.user} has no password; give password or passwordFile, or inputs.broker.tls.ca and a certificate`,
      );
    }
    const { user, publish, subscribe } = entry;
    return { user, password, publish, subscribe };
  });
  if (broker !== undefined && isOpenHost(broker.host) && users.length === 0) {
    reader.warning(
      ["inputs", "broker", "host"],
      `the broker is open to the whole network (${broker.host}) without users; list users, or set host: 127.0.0.1`,
    );
  }
  if (broker !== undefined && isSameAddress(broker, file.http)) {
    reader.problem(
      ["http", "port"],
      `http.port is ${file.http.port}, and so is inputs.broker.port; give each its own`,
    );
  }
  const hostSite = host?.labels["site"];
  if (hostSite !== undefined && hostSite !== file.site)
    reader.problem(
      ["inputs", "host", "labels", "site"],
      `inputs.host.labels.site is ${hostSite}, the agent's site is ${file.site}; leave it out`,
    );
  const { kafka, url: uplinkUrl } = file.uplink;
  if ((uplinkUrl === undefined) === (kafka === undefined)) {
    const has = kafka === undefined ? "neither url nor kafka" : "both url and kafka";
    reader.problem(["uplink"], `uplink has ${has}; give one of them`, "key");
  }
  for (const key of ["username", "password", "passwordFile", "ca", "cert", "key"] as const) {
    if (kafka === undefined || file.uplink[key] === undefined) continue;
    reader.problem(
      ["uplink", key],
      `uplink.${key} belongs to uplink.url; see uplink.kafka.tls and sasl`,
      "key",
    );
  }
  const uplinkPath = kafka === undefined ? ["uplink"] : ["uplink", "kafka", "tls"];
  const uplink = kafka === undefined ? file.uplink : { url: undefined, ...kafka.tls };
  for (const [keyPath, connection] of [
    [["inputs", "mqtt"], mqtt],
    [uplinkPath, uplink],
  ] as const) {
    if (connection === undefined) continue;
    const name = keyPath.join(".");
    for (const key of ["ca", "cert", "key"] as const) {
      if (connection[key] === undefined || (connection.url ?? "mqtts:").startsWith("mqtts:")) continue;
      const message = `${name}.${key} needs an encrypted connection; write ${name}.url as mqtts://…`;
      reader.problem([...keyPath, key], message, "key");
    }
    if ((connection.cert === undefined) !== (connection.key === undefined))
      reader.problem([...keyPath], `${name} has one of cert and key; give both, or neither`);
  }
  if (http !== undefined && isSameAddress(http, file.http)) {
    reader.problem(
      ["http", "port"],
      `http.port is ${file.http.port}, and so is inputs.http.port; give each its own`,
    );
  }
  if (http !== undefined && broker !== undefined && isSameAddress(http, broker)) {
    reader.problem(
      ["inputs", "http", "port"],
      `inputs.http.port is ${http.port}, and so is inputs.broker.port; give each its own`,
    );
  }
  const brokerTls = readCertificates(reader, ["inputs", "broker", "tls"], broker?.tls ?? {});
  const mqttTls = readCertificates(reader, ["inputs", "mqtt"], mqtt ?? {});
  const uplinkProblems: Problem[] = [];
  const uplinkTls = readCertificates(reader, uplinkPath, uplink, (...problem) => {
    uplinkProblems.push(reader.source.problemAt(...problem));
  });
  const { passwordFile } = file.uplink;
  const config: AgentConfig = {
    path: reader.path,
    agent: file.agent,
    site: file.site,
    dataFolder: reader.resolveFolder(["data"], file.data),
    pipelinePath: reader.resolvePath(file.pipeline),
    inputs: {
      broker:
        broker === undefined
          ? null
          : {
              host: broker.host,
              port: broker.port,
              users,
              tls:
                broker.tls === undefined
                  ? null
                  : { cert: brokerTls.cert ?? "", key: brokerTls.key ?? "", ca: brokerTls.ca },
              clientsMax: broker.clientsMax,
              connectsPerSecondMax: broker.connectsPerSecondMax,
              retainedMax: broker.retainedMax,
              sessionsMax: broker.sessionsMax,
              sessionExpiryMs: broker.sessionExpiry,
              sessionQueueMax: broker.sessionQueueMax,
              sessionQueueBytesMax: broker.sessionQueueBytesMax,
              mustTakeCommands: broker.mustTakeCommands,
              payloadBytesMax: broker.payloadBytesMax ?? file.limits.payloadBytesMax,
            },
      mqtt:
        mqtt === undefined
          ? null
          : {
              url: mqtt.url,
              clientId: mqtt.clientId ?? `millrace-${file.agent}`,
              username: mqtt.username ?? null,
              password: reader.readSecret(["inputs", "mqtt"], mqtt),
              protocolVersion: mqtt.protocol === "5" ? 5 : 4,
              ca: mqttTls.ca,
              cert: mqttTls.cert,
              key: mqttTls.key,
              sharedGroup: mqtt.sharedGroup ?? null,
              mustTakeCommands: mqtt.mustTakeCommands,
            },
      http: http === undefined ? null : resolveHttpInput(reader, http),
      files: resolveTailedFiles(reader, files),
      host: host === undefined ? null : { intervalMs: host.interval, labels: host.labels },
    },
    sparkplug: {
      hostId: file.sparkplug.hostId ?? file.agent,
      reorderTimeoutMs: file.sparkplug.reorderTimeout,
      rebirthIntervalMs: file.sparkplug.rebirthInterval,
      payloadBytesMax: file.sparkplug.payloadBytesMax,
    },
    uplink: {
      url: uplinkUrl ?? "",
      kafka:
        kafka === undefined
          ? null
          : {
              ...resolveKafka(reader, ["uplink", "kafka"], {
                ...kafka,
                // What it holds is read with each connection: it is the uplink's, below.
                tls: kafka.tls && {},
                clientId: kafka.clientId ?? `millrace-${file.agent}`,
              }),
              topic: kafka.topic,
            },
      username: file.uplink.username ?? file.agent,
      password: reader.readSecret(["uplink"], file.uplink),
      ca: uplinkTls.ca,
      cert: uplinkTls.cert,
      key: uplinkTls.key,
      paths: {
        passwordFile: passwordFile === undefined ? null : reader.resolvePath(passwordFile),
        ...uplinkTls.paths,
      },
      backfillBytesPerSecond: file.uplink.backfillBytesPerSecond,
      inFlightBatchesMax: file.uplink.inFlightBatchesMax,
    },
    outbox: {
      bytesMax: file.outbox.bytesMax,
      freeBytesMin: file.outbox.freeBytesMin,
      retainAckedMs: file.outbox.retainAcked,
    },
    limits: {
      maxFutureMs: file.limits.maxFuture,
      payloadBytesMax: file.limits.payloadBytesMax,
      seriesPerMetricMax: file.limits.seriesPerMetricMax,
      forgetSilentAfterMs: file.limits.forgetSilentAfter,
      outOfOrdernessMs: file.limits.outOfOrderness,
      idleTimeoutMs: file.limits.idleTimeout,
      dedupeHorizonMs: file.limits.dedupeHorizon,
      dedupeKeysMax: file.limits.dedupeKeysMax,
      heldReadingsMax: file.limits.heldReadingsMax,
      actionMaxAgeMs: file.limits.actionMaxAge,
      clockFloorMs: file.limits.clockFloor,
    },
    commit: {
      liveIntervalMs: file.commit.liveInterval,
      checkpointIntervalMs: file.commit.checkpointInterval,
      ackIntervalMs: file.commit.ackInterval,
    },
    recorder: file.recorder === undefined ? null : resolveRecorder(file.recorder),
    http: file.http,
    logLevel: file.log.level,
  };
  return { config, warnings: reader.finish(), problemAt: reader.problemAt, uplinkProblems };
}

function resolveRecorder({
  bytesMax,
  before,
  after,
  by,
}: NonNullable<z.output<ReturnType<typeof agentSchema>>["recorder"]>): RecorderConfig {
  return { bytesMax, beforeMs: before, afterMs: after, by };
}
