import type { z } from "zod";
import type { KafkaUplinkConfig } from "./agent-config.ts";
import type { kafkaUplinkSchema } from "./agent-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import { pathText } from "./schema-problems.ts";
import type { KeyPath } from "./yaml-source.ts";

/** How to reach Kafka, with secrets and certificates read; `path` is its place in the file. */
export function resolveKafka(
  reader: ConfigReader,
  path: KeyPath,
  kafka: Omit<z.output<typeof kafkaUplinkSchema>, "clientId"> & { readonly clientId: string },
): KafkaUplinkConfig {
  const { brokers, topic, clientId, tls, sasl } = kafka;
  const here = pathText(path);
  if (tls !== undefined && (tls.cert === undefined) !== (tls.key === undefined))
    reader.problem([...path, "tls"], `${here}.tls has one of cert and key; give both, or neither`);
  const password = sasl === undefined ? null : reader.readSecret([...path, "sasl"], sasl);
  if (sasl !== undefined && password === null)
    reader.problem([...path, "sasl"], `${here}.sasl has no password; give password or passwordFile`);
  if (sasl?.mechanism === "PLAIN" && tls === undefined)
    reader.warning(
      [...path, "sasl", "mechanism"],
      `the password crosses the network unencrypted; give ${here}.tls, or a SCRAM mechanism`,
    );
  return {
    brokers,
    topic,
    clientId,
    tls:
      tls === undefined
        ? null
        : {
            ca: reader.readPem([...path, "tls", "ca"], tls.ca),
            cert: reader.readPem([...path, "tls", "cert"], tls.cert),
            key: reader.readPem([...path, "tls", "key"], tls.key),
          },
    sasl:
      sasl === undefined
        ? null
        : { mechanism: sasl.mechanism, username: sasl.username, password: password ?? "" },
  };
}
