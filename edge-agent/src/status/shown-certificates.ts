import type { AgentConfig } from "@millrace/config";
import type { InputsConfig } from "../inputs/running-inputs.ts";

/** PEM texts of the certificates that an agent shows, by what they are configured at. */
export function shownCertificates(options: {
  readonly inputs: InputsConfig;
  readonly uplink: Pick<AgentConfig["uplink"], "kafka">;
  /** The uplink's over MQTT, as it is renewed. */
  readonly uplinkCertificate: string | null;
}): Readonly<Record<string, string>> {
  const { inputs, uplink, uplinkCertificate } = options;
  const { broker, mqtt, http } = inputs;
  const found: Readonly<Record<string, string | null | undefined>> = {
    uplink: uplink.kafka === null ? uplinkCertificate : uplink.kafka.tls?.cert,
    broker: broker?.tls?.cert,
    mqtt: mqtt?.cert,
    http: http?.tls?.cert,
  };
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, pem]) => (typeof pem === "string" ? [[name, pem]] : [])),
  );
}
