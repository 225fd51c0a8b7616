import type { z } from "zod";
import type { BrokerIntakeConfig } from "./central-config.ts";
import type { centralSchema } from "./central-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import { isOpenUrl } from "./open-host.ts";

/** `intake.broker` of central.yaml; null without it. */
export function resolveBrokerIntake(
  reader: ConfigReader,
  { broker }: z.output<typeof centralSchema>["intake"],
): BrokerIntakeConfig | null {
  if (broker === undefined) return null;
  const path = ["intake", "broker"];
  const { url, group, clientId, username } = broker;
  if (url.startsWith("mqtt:") && URL.canParse(url) && isOpenUrl(url))
    reader.warning(
      [...path, "url"],
      `central's password and agents' data cross the network (${url}) unencrypted; let the url begin with mqtts://`,
    );
  if ((broker.cert === undefined) !== (broker.key === undefined))
    reader.problem(path, "intake.broker has one of cert and key; give both, or neither", "key");
  return {
    url,
    group,
    clientId,
    username: username ?? null,
    password: reader.readSecret(path, broker),
    ca: reader.readPem([...path, "ca"], broker.ca),
    cert: reader.readPem([...path, "cert"], broker.cert),
    key: reader.readPem([...path, "key"], broker.key),
  };
}
