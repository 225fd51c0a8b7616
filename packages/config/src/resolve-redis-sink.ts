import type { z } from "zod";
import type { ConfigReader } from "./config-reader.ts";
import { isOpenUrl } from "./open-host.ts";
import { resolveClientTls } from "./resolve-client-tls.ts";
import type { RedisSinkConfig } from "./sink-config.ts";
import type { redisSinkSchema } from "./sink-schemas.ts";

const PATH = ["sinks", "redis"];

/** `sinks.redis` with its secrets and certificates read. */
export function resolveRedisSink(
  reader: ConfigReader,
  redis: z.output<typeof redisSinkSchema>,
): RedisSinkConfig {
  const { url, username, tls, prefix, retention, windows } = redis;
  const password = reader.readSecret(PATH, redis);
  if (!URL.canParse(url)) reader.problem([...PATH, "url"], `sinks.redis.url ${url} is no address`);
  const isEncrypted = url.startsWith("rediss:");
  if (tls !== undefined && !isEncrypted)
    reader.problem(
      [...PATH, "tls"],
      "sinks.redis has tls and a url without it; let the url begin with rediss://",
    );
  if (username !== undefined && password === null)
    reader.problem(
      [...PATH, "username"],
      "sinks.redis has a username and no password; give password or passwordFile",
    );
  if (password !== null && !isEncrypted && URL.canParse(url) && isOpenUrl(url))
    reader.warning(
      [...PATH, "url"],
      "the password and all windows cross the network unencrypted; let sinks.redis.url begin with rediss://",
    );
  return {
    url,
    username: username ?? null,
    password,
    tls: resolveClientTls(reader, [...PATH, "tls"], tls),
    prefix,
    retentionMs: retention,
    windows: windows ?? null,
  };
}
