import type { Redis } from "ioredis";
import type { Target, Variable } from "./dashboard.ts";
import { withVariables } from "./dashboard.ts";

/** Columns of what Grafana's Redis data source makes of a command (RedisGrafana/grafana-redis-datasource, pkg/redis-hash.go). */
export type RedisFrame = Readonly<Record<string, readonly string[]>>;

/** A panel's command, as the data source sends it. */
export async function runRedisTarget(
  redis: Redis,
  { command, keyName = "", field = "" }: Target,
  values: Readonly<Record<string, string>>,
): Promise<RedisFrame> {
  const key = withVariables(keyName, values);
  switch (command) {
    case "hgetall": {
      const entries = Object.entries(await redis.hgetall(key));
      return { Field: entries.map(([name]) => name), Value: entries.map(([, value]) => value) };
    }
    case "hmget": {
      const fields = withVariables(field, values).split(" ");
      const found = await redis.hmget(key, ...fields);
      return Object.fromEntries(
        fields.flatMap((name, at) => (found[at] == null ? [] : [[name, [found[at]]]])),
      );
    }
    case "hlen":
      return { Value: [String(await redis.hlen(key))] };
    case "get":
      return { Value: [(await redis.get(key)) ?? ""].filter((value) => value !== "") };
    default:
      throw new Error(`the data source has no command ${command}`);
  }
}

/** What a variable offers: its command line, sent as it is typed. */
export async function redisVariable(
  redis: Redis,
  { query }: Variable,
  values: Readonly<Record<string, string>>,
): Promise<string[]> {
  const [command = "", ...args] = withVariables(query, values).split(" ");
  const answer: unknown = await redis.call(command, ...args);
  return Array.isArray(answer) ? answer.map(String) : [String(answer)];
}
