import type { BaseOptions } from "@platformatic/kafka";
import type { KafkaConnection } from "../kafka-connection.ts";

/** To connect, and at the brokers until all replicas hold a request. */
const TIMEOUT_MS = 5_000;

export function connectionOptions({ brokers, clientId, tls, sasl }: KafkaConnection): BaseOptions {
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    autocreateTopics: false,
    strict: false,
    timeout: TIMEOUT_MS,
    connectTimeout: TIMEOUT_MS,
    ...(tls === null
      ? {}
      : {
          tls: {
            ...(tls.ca === null ? {} : { ca: tls.ca }),
            ...(tls.cert === null || tls.key === null ? {} : { cert: tls.cert, key: tls.key }),
          },
        }),
    ...(sasl === null ? {} : { sasl }),
  };
}
