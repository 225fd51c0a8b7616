export type BrokerCounts = ReturnType<typeof newBrokerCounts>;

/** What has come to the embedded broker, and what it has refused, since the start. */
export function newBrokerCounts() {
  return {
    messages: 0,
    oversized: 0,
    commit_failures: 0,
    client_errors: 0,
    malformed_packets: 0,
    refused_clients: 0,
    refused_rate: 0,
    refused_login: 0,
    refused_tls: 0,
    refused_publishes: 0,
    refused_subscriptions: 0,
    command_topic_publishes: 0,
  };
}
