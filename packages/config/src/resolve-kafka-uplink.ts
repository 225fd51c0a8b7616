import type { z } from "zod";
import type { KafkaUplinkConfig } from "./agent-config.ts";
import type { kafkaUplinkSchema } from "./agent-schema.ts";
import type { ConfigReader } from "./config-reader.ts";

const PATH = ["uplink", "kafka"];

/** `uplink.kafka` with its secrets and certificates read. */
export function resolveKafkaUplink(
  reader: ConfigReader,
  agent: string,
  kafka: z.output<typeof kafkaUplinkSchema>,
): KafkaUplinkConfig {
  const { brokers, topic, clientId, tls, sasl } = kafka;
  if (tls !== undefined && (tls.cert === undefined) !== (tls.key === undefined))
    reader.problem([...PATH, "tls"], "uplink.kafka.tls has one of cert and key; give both, or neither");
  const password = sasl === undefined ? null : reader.readSecret([...PATH, "sasl"], sasl);
  if (sasl !== undefined && password === null)
    reader.problem([...PATH, "sasl"], "uplink.kafka.sasl has no password; give password or passwordFile");
  if (sasl?.mechanism === "PLAIN" && tls === undefined)
    reader.warning(
      [...PATH, "sasl", "mechanism"],
      "the password crosses the network unencrypted; give uplink.kafka.tls, or a SCRAM mechanism",
    );
  return {
    brokers,
    topic,
    clientId: clientId ?? `millrace-${agent}`,
    tls:
      tls === undefined
        ? null
        : {
            ca: reader.readPem([...PATH, "tls", "ca"], tls.ca),
            cert: reader.readPem([...PATH, "tls", "cert"], tls.cert),
            key: reader.readPem([...PATH, "tls", "key"], tls.key),
          },
    sasl:
      sasl === undefined
        ? null
        : { mechanism: sasl.mechanism, username: sasl.username, password: password ?? "" },
  };
}
