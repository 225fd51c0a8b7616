import type { z } from "zod";
import type { BrokerIntakeConfig } from "./central-config.ts";
import type { centralSchema } from "./central-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import { isSameAddress } from "./is-same-address.ts";
import { isOpenHost, isOpenUrl } from "./open-host.ts";
import { readCertificates } from "./read-certificates.ts";

/** `intake.broker` of central.yaml; null without it. */
export function resolveBrokerIntake(
  reader: ConfigReader,
  { broker, mqtt }: z.output<typeof centralSchema>["intake"],
): BrokerIntakeConfig | null {
  if (broker === undefined) return null;
  const path = ["intake", "broker"];
  const { url, group, clientId, username } = broker;
  if (url.startsWith("mqtt:") && URL.canParse(url) && isOpenUrl(url))
    reader.warning(
      [...path, "url"],
      `central's password and agents' data cross the network (${url}) unencrypted; let the url begin with mqtts://`,
    );
  if (isOwnListener(url, mqtt))
    reader.problem(
      [...path, "url"],
      `intake.broker.url is ${url}, central's own listener (intake.mqtt); name the broker that agents connect to, or leave intake.broker out`,
    );
  const secret = (["password", "passwordFile"] as const).find((key) => broker[key] !== undefined);
  if (username === undefined && secret !== undefined)
    reader.problem(
      [...path, secret],
      `intake.broker has a ${secret} and no username; give username, or leave the password out`,
      "key",
    );
  if ((broker.cert === undefined) !== (broker.key === undefined))
    reader.problem(path, "intake.broker has one of cert and key; give both, or neither", "key");
  const { ca, cert, key } = readCertificates(reader, path, broker);
  return {
    url,
    group,
    clientId,
    username: username ?? null,
    password: reader.readSecret(path, broker),
    ca,
    cert,
    key,
  };
}

/** As far as the file tells: a name of this machine may be any. */
function isOwnListener(url: string, listener: z.output<typeof centralSchema>["intake"]["mqtt"]): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const own = { host, port: port === "" ? DEFAULT_PORTS[protocol] : Number(port) };
  return isSameAddress(own, listener) && (!isOpenHost(host) || host === listener.host);
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "mqtt:": 1_883, "mqtts:": 8_883 };
