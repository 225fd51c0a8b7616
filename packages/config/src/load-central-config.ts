import { formatDuration, isWithin } from "@millrace/runtime";
import { HISTORY_LEVELS } from "@millrace/stream";
import { centralSchema } from "./central-schema.ts";
import type { CentralConfig } from "./central-config.ts";
import { ConfigReader } from "./config-reader.ts";
import { isSameAddress } from "./is-same-address.ts";
import { isOpenHost } from "./open-host.ts";
import { checkKafkaGroups } from "./kafka-group-checks.ts";
import { checkKafkaTopics } from "./kafka-topic-checks.ts";
import type { Loaded, LoadOptions } from "./load.ts";
import { readServerTls } from "./read-server-tls.ts";
import { resolveBrokerIntake } from "./resolve-broker-intake.ts";
import { resolveCentralHttp } from "./resolve-central-http.ts";
import { resolveKafkaIntake } from "./resolve-kafka-intake.ts";
import { resolveRecords } from "./resolve-records.ts";
import { resolveSinks } from "./resolve-sinks.ts";

/** Reads central.yaml. Throws `config_unreadable`, or `config_invalid` (a `ConfigError`) with everything that is wrong. */
export function loadCentralConfig(path: string, options: LoadOptions = {}): Loaded<CentralConfig> {
  const reader = new ConfigReader(path, options);
  const file = reader.parse(centralSchema, reader.source.toValue());
  if (file === undefined) return reader.refuse();
  const { mqtt } = file.intake;
  const ids = new Set<string>();
  const agents = file.agents.map((agent, index) => {
    if (ids.has(agent.id))
      reader.problem(["agents", index, "id"], `agent ${agent.id} is listed twice; names are unique`);
    ids.add(agent.id);
    const password = reader.readSecret(["agents", index], agent);
    const needsPassword = [mqtt.tls?.ca, file.intake.kafka, file.intake.broker].every(
      (each) => each === undefined,
    );
    if (password === null && needsPassword) {
      reader.problem(
        ["agents", index],
        `agent ${agent.id} has no password; give password or passwordFile, or intake.mqtt.tls.ca and a certificate`,
      );
    }
    return { id: agent.id, site: agent.site, password };
  });
  if (isSameAddress(mqtt, file.http)) {
    reader.problem(
      ["http", "port"],
      `http.port is ${file.http.port}, and so is intake.mqtt.port; give each its own`,
    );
  }
  if (isOpenHost(mqtt.host) && mqtt.tls === undefined) {
    reader.warning(
      ["intake", "mqtt", "host"],
      `agents' passwords and data cross the network (${mqtt.host}) unencrypted; give intake.mqtt.tls, or set host: 127.0.0.1`,
    );
  }
  const { history } = file;
  for (const [index, { name }] of HISTORY_LEVELS.entries()) {
    const finer = HISTORY_LEVELS[index - 1]?.name;
    if (finer === undefined || history[name].retain >= history[finer].retain) continue;
    const [own, other] = [formatDuration(history[name].retain), formatDuration(history[finer].retain)];
    // One of them may be a default, that does not stand in the file.
    const coarser = ["history", name, "retain"];
    reader.problem(
      reader.source.has(coarser) ? coarser : ["history", finer, "retain"],
      `history.${name}.retain is ${own}, shorter than that of ${finer} (${other}): zooming out would show less; raise it to ${other}, or lower history.${finer}.retain`,
    );
  }
  checkKafkaTopics(reader, file);
  checkKafkaGroups(reader, file);
  const http = resolveCentralHttp(reader, file.http);
  const dataFolder = reader.resolveFolder(["data"], file.data);
  const sinks = resolveSinks(reader, file.sinks);
  if (sinks.file !== null && isWithin(sinks.file.folder, dataFolder))
    reader.problem(
      ["sinks", "file", "folder"],
      `sinks.file.folder is ${sinks.file.folder}, in central's data folder (${dataFolder}), which is central's alone; name another`,
    );
  const config: CentralConfig = {
    path: reader.path,
    dataFolder,
    pipelinePath: reader.resolvePath(file.pipeline),
    intake: {
      mqtt: {
        host: mqtt.host,
        port: mqtt.port,
        tls: mqtt.tls === undefined ? null : readServerTls(reader, ["intake", "mqtt", "tls"], mqtt.tls),
      },
      broker: resolveBrokerIntake(reader, file.intake),
      kafka: resolveKafkaIntake(reader, file.intake),
    },
    agents,
    http,
    windows: { graceMs: file.windows.grace, retainMs: file.windows.retain },
    history: {
      "1s": limitsOf(history["1s"]),
      "10s": limitsOf(history["10s"]),
      "1m": limitsOf(history["1m"]),
      "1h": limitsOf(history["1h"]),
      "1d": limitsOf(history["1d"]),
    },
    evidence: {
      bytesMax: file.evidence.bytesMax,
      retainMs: file.evidence.retain,
      unfinishedMs: file.evidence.unfinishedAfter,
    },
    quarantine: { bytesMax: file.quarantine.bytesMax, retainMs: file.quarantine.retain },
    records: Object.entries(file.records).map(([name, each]) => resolveRecords(reader, name, each)),
    sinks,
    limits: { ruleGroupsMax: file.limits.ruleGroupsMax },
    silentAfterMs: file.silentAfter,
    logLevel: file.log.level,
  };
  return { config, warnings: reader.finish(), problemAt: reader.problemAt };
}

function limitsOf({ retain, bytesMax }: { readonly retain: number; readonly bytesMax: number }) {
  return { retainMs: retain, bytesMax };
}
