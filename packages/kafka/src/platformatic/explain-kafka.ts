import { isUntrusted } from "@millrace/runtime";
import { findErrorBy } from "@platformatic/kafka";
import { deepestError } from "./deepest-error.ts";
import { isUnknownTopic } from "./is-unknown-topic.ts";
import { refusedTime } from "./refused-time.ts";

/** As Node's TLS says it of whoever answers with something else, or not at all. */
const NO_TLS = /before secure TLS connection|wrong version number|packet length too long/i;
/** As the client library says it. */
const TIMED_OUT = "Request timed out";
const CLOSED = /^Connection closed/;

/** What a person can do comes first. `brokers`: as they are configured. */
export function explainKafka(error: unknown, topics: readonly string[], brokers: readonly string[]): string {
  if (!(error instanceof Error)) return String(error);
  const has = (property: string, value: unknown) => findErrorBy(error, property, value) !== null;
  const named = `topic ${topics.join(", ")}`;
  const deepest = deepestError(error);
  const reason = deepest.message;
  if (isUnknownTopic(error)) return `Kafka has no ${named}; create it (docs/operations.md)`;
  if (has("apiId", "TOPIC_AUTHORIZATION_FAILED"))
    return `Kafka does not let this user read from or write to ${named}`;
  if (has("apiId", "GROUP_AUTHORIZATION_FAILED")) return "Kafka does not let this user read as this group";
  if (has("apiId", "NOT_ENOUGH_REPLICAS") || has("apiId", "NOT_ENOUGH_REPLICAS_AFTER_APPEND"))
    return `${named} has too few replicas in sync: nothing is acknowledged`;
  if (has("apiId", "MESSAGE_TOO_LARGE"))
    return `a record is larger than ${named} takes; set its max.message.bytes higher (1 MiB at least)`;
  if (/authentication failed/i.test(error.message) || /authentication failed/i.test(reason))
    return "Kafka refuses the login (sasl)";
  const asked = brokers.join(", ");
  if (has("apiId", "ILLEGAL_SASL_STATE"))
    return `${asked} takes no login: leave sasl out, or give a listener with SASL`;
  if (has("apiId", "UNSUPPORTED_SASL_MECHANISM"))
    return `${asked} does not take this way to log in; compare sasl.mechanism with the listener's`;
  if (NO_TLS.test(reason)) return `there is no TLS at ${asked}: compare tls with the brokers' listeners`;
  if (isUntrusted(deepest))
    return `the certificate at ${asked} is of no authority that is trusted here: let tls.ca name the file of the brokers' CA`;
  if (reason === TIMED_OUT || has("message", TIMED_OUT))
    return `no answer in time from ${asked}: a broker hangs, or the way to it does`;
  // A broker that ends does so, too.
  if (CLOSED.test(reason))
    return `the connection to ${asked} was closed; where that goes on it is no Kafka listener, or one that wants TLS or a login: compare the address, tls and sasl with the brokers' listeners`;
  return refusedTime(error, named) ?? reason;
}
