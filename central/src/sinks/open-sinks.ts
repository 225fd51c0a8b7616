import type { CentralConfig } from "@millrace/config";
import { systemClock, systemRandom } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import { windowLengths } from "@millrace/stream";
import type { WindowSpec } from "@millrace/stream";
import type { CentralReader } from "../api/central-reader.ts";
import { RedisSink } from "./redis/redis-sink.ts";
import { SinkRunner } from "./sink-runner.ts";

export interface SinksOptions {
  readonly config: Pick<CentralConfig, "sinks">;
  readonly windows: readonly WindowSpec[];
  readonly central: Pick<CentralReader, "subscribe" | "windows">;
  readonly generation: number;
  readonly log: Logger;
}

/** The sinks of the configuration, told of all that central publishes from now on; to be started once central is open. */
export function openSinks({ config, windows, central, generation, log }: SinksOptions): SinkRunner[] {
  const { redis } = config.sinks;
  if (redis === null) return [];
  const chosen = windows.filter(({ name }) => redis.windows === null || redis.windows.includes(name));
  const runner = new SinkRunner({
    target: new RedisSink({ config: redis, windows: chosen, generation, log }),
    windows: chosen.map((spec) => ({ name: spec.name, lengthMsMax: lengthMsMax(spec) })),
    retentionMs: redis.retentionMs,
    readHistory: (query) => central.windows(query),
    clock: systemClock,
    random: systemRandom,
    log,
  });
  central.subscribe(({ windows: results }) => runner.offer(results));
  return [runner];
}

/** A session ends a gap after its last reading, and a day may have an hour more than 24. */
function lengthMsMax(spec: WindowSpec): number {
  const { sizeMs, slideMs } = windowLengths(spec);
  return sizeMs + slideMs + 3_600_000;
}
