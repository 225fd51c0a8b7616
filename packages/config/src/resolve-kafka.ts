import type { z } from "zod";
import type { KafkaConnectionConfig } from "./agent-config.ts";
import type { kafkaUplinkSchema } from "./agent-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import { resolveClientTls } from "./resolve-client-tls.ts";
import { pathText } from "./schema-problems.ts";
import type { KeyPath } from "./yaml-source.ts";

/** How to reach Kafka, with secrets and certificates read; `path` is its place in the file. */
export function resolveKafka(
  reader: ConfigReader,
  path: KeyPath,
  kafka: Pick<z.output<ReturnType<typeof kafkaUplinkSchema>>, "brokers" | "tls" | "sasl"> & {
    readonly clientId: string;
  },
): KafkaConnectionConfig {
  const { brokers, clientId, tls, sasl } = kafka;
  const here = pathText(path);
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
    clientId,
    tls: resolveClientTls(reader, [...path, "tls"], tls),
    sasl:
      sasl === undefined
        ? null
        : { mechanism: sasl.mechanism, username: sasl.username, password: password ?? "" },
  };
}
