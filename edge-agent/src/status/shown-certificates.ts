import type { InputsConfig } from "../inputs/running-inputs.ts";

/** PEM texts of the certificates that an agent shows, by what they are configured at. */
export function shownCertificates(options: {
  readonly inputs: InputsConfig;
  /** The uplink's, as it is renewed. */
  readonly uplinkCertificate: string | null;
}): Readonly<Record<string, string>> {
  const { inputs, uplinkCertificate } = options;
  const { broker, mqtt, http } = inputs;
  const found: Readonly<Record<string, string | null | undefined>> = {
    uplink: uplinkCertificate,
    broker: broker?.tls?.cert,
    mqtt: mqtt?.cert,
    http: http?.tls?.cert,
  };
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, pem]) => (typeof pem === "string" ? [[name, pem]] : [])),
  );
}
