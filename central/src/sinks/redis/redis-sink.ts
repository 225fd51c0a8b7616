import type { RedisSinkConfig } from "@millrace/config";
import { MillraceError } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import type { WindowResult, WindowSpec } from "@millrace/stream";
import { Redis } from "ioredis";
import type { Result } from "ioredis";
import { regionOf } from "../region-of.ts";
import type { SinkTarget } from "../sink-target.ts";
import { redisFailure } from "./redis-failure.ts";
import { redisFields } from "./redis-fields.ts";
import { BEGIN_SCRIPT, PRUNE_SCRIPT, WRITE_SCRIPT } from "./redis-scripts.ts";

const CONNECT_MS_MAX = 5_000;
/** A command that is not answered for so long: the connection is given up. */
const COMMAND_MS_MAX = 10_000;
const PRUNED_MAX = 500;

declare module "ioredis" {
  interface RedisCommander<Context> {
    millraceBegin(generationKey: string, generation: number): Result<number, Context>;
    millraceWrite(...keysAndValues: (string | number)[]): Result<number, Context>;
    millracePrune(...keysAndValues: (string | number)[]): Result<[number, number, number], Context>;
  }
}

export interface RedisSinkOptions {
  readonly config: RedisSinkConfig;
  /** Those that go there. */
  readonly windows: readonly WindowSpec[];
  /** Greater than that of every earlier start of central. */
  readonly generation: number;
  readonly log: Logger;
}

/** The windows' latest revisions in Redis, in the layout of `redis-scripts.ts`, by `ioredis`. */
export class RedisSink implements SinkTarget<WindowResult> {
  readonly name = "redis";
  readonly #options: RedisSinkOptions;
  readonly #prefixes: ReadonlyMap<string, { readonly prefix: string; readonly by: readonly string[] }>;
  #redis: Redis | null = null;
  /** Of the server that holds what was written: another one, or one that was restarted, may lack some of it. */
  #runId: string | null = null;
  /** By prefix, how many windows the index had when it was last pruned, and how many that are there it lacked. */
  readonly #indexes = new Map<string, { readonly indexed: number; readonly lacking: number }>();

  constructor(options: RedisSinkOptions) {
    this.#options = options;
    const { config, windows } = options;
    this.#prefixes = new Map(
      windows.map(({ name, by }) => [name, { prefix: config.prefix.replaceAll("{window}", name), by }]),
    );
  }

  async open(): Promise<{ readonly holdsAll: boolean }> {
    this.close();
    const { generation, log } = this.#options;
    return this.#asking(async () => {
      const redis = await this.#connect();
      const { runId, isReplica, isLoading, evicts } = await serverOf(redis);
      if (isLoading) throw new MillraceError("redis_loading", { url: this.#url });
      if (isReplica) throw new MillraceError("redis_readonly", { url: this.#url });
      if (evicts !== null)
        log.repeated(
          "redis_evicts",
          "this Redis removes keys when it is full, also those of windows; set maxmemory-policy noeviction",
          { policy: evicts },
        );
      let holdsAll = runId !== null && runId === this.#runId;
      for (const prefix of this.#distinctPrefixes()) {
        const held = await redis.millraceBegin(`${prefix}:generation`, generation);
        if (held !== generation) holdsAll = false;
      }
      if (!holdsAll && this.#runId !== null) this.#indexes.clear();
      this.#runId = runId;
      return { holdsAll };
    });
  }

  async write(results: readonly WindowResult[]): Promise<{ readonly taken: number }> {
    return this.#asking(async () => {
      const pipeline = this.#connected().pipeline();
      for (const result of results) {
        const layout = this.#prefixes.get(result.window);
        if (layout === undefined) continue;
        const { prefix, by } = layout;
        const member = `${regionOf(result.group, by)}:${result.startMs}`;
        // What has merged into another session is counted there.
        const count = result.mergedIntoMs === undefined ? result.values["count"] : undefined;
        pipeline.millraceWrite(
          `${prefix}:generation`,
          prefix,
          `${prefix}:index`,
          `${prefix}:${member}`,
          this.#options.generation,
          result.revision,
          member,
          result.endMs,
          count ?? "",
          ...redisFields(result, this.#options.generation),
        );
      }
      let taken = 0;
      for (const [error, answer] of (await pipeline.exec()) ?? []) {
        if (error !== null) throw error;
        taken += Number(answer);
      }
      return { taken };
    });
  }

  async prune(endedBeforeMs: number): Promise<{ readonly hasMore: boolean }> {
    return this.#asking(async () => {
      let hasMore = false;
      for (const prefix of this.#distinctPrefixes()) {
        const [removed, indexed, lacking] = await this.#connected().millracePrune(
          `${prefix}:generation`,
          prefix,
          `${prefix}:index`,
          this.#options.generation,
          endedBeforeMs,
          PRUNED_MAX,
          `${prefix}:`,
        );
        if (removed >= PRUNED_MAX) hasMore = true;
        this.#lookAtIndex(prefix, { indexed, lacking, removed });
      }
      return { hasMore };
    });
  }

  /** Nobody else takes anything out of the index. What is not in it is never pruned, and not found by who reads by it. */
  #lookAtIndex(
    prefix: string,
    { indexed, lacking, removed }: { readonly [Name in "indexed" | "lacking" | "removed"]: number },
  ): void {
    const before = this.#indexes.get(prefix) ?? { indexed: 0, lacking };
    this.#indexes.set(prefix, { indexed: indexed - removed, lacking });
    // What has expired since stays behind though all is written again: only what is lacking anew counts.
    if (indexed >= before.indexed && lacking <= before.lacking) return;
    this.#runId = null;
    throw new MillraceError("redis_emptied", { url: this.#url });
  }

  close(): void {
    this.#redis?.disconnect();
    this.#redis = null;
  }

  /** Without user and password, which are not in it. */
  get #url(): string {
    return this.#options.config.url;
  }

  #distinctPrefixes(): Set<string> {
    return new Set(Array.from(this.#prefixes.values(), ({ prefix }) => prefix));
  }

  #connected(): Redis {
    if (this.#redis === null) throw new Error("not connected");
    return this.#redis;
  }

  /** Trying again is the runner's: a connection that fails is given up, and no command is repeated behind its back. */
  async #connect(): Promise<Redis> {
    const { url, username, password, tls } = this.#options.config;
    const { hostname, port, pathname, protocol } = new URL(url);
    const redis = new Redis({
      host: hostname.replace(/^\[(.*)\]$/, "$1"),
      port: port === "" ? 6379 : Number(port),
      lazyConnect: true,
      connectTimeout: CONNECT_MS_MAX,
      commandTimeout: COMMAND_MS_MAX,
      retryStrategy: null,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      disableClientInfo: true,
      scripts: {
        millraceBegin: { lua: BEGIN_SCRIPT, numberOfKeys: 1 },
        millraceWrite: { lua: WRITE_SCRIPT, numberOfKeys: 4 },
        millracePrune: { lua: PRUNE_SCRIPT, numberOfKeys: 3 },
      },
      ...(protocol === "rediss:"
        ? { tls: { ca: tls?.ca ?? undefined, cert: tls?.cert ?? undefined, key: tls?.key ?? undefined } }
        : {}),
    });
    this.#redis = redis;
    // What it says there says why the connection ended; the rejection says only that it did.
    let reason: Error | null = null;
    redis.on("error", (error: Error) => (reason = error));
    try {
      await redis.connect();
    } catch (error) {
      throw reason ?? error;
    }
    if (password !== null) await (username === null ? redis.auth(password) : redis.auth(username, password));
    const database = pathname.slice(1);
    if (database !== "" && database !== "0") await redis.select(Number(database));
    return redis;
  }

  async #asking<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask();
    } catch (error) {
      throw redisFailure(error, this.#url);
    }
  }
}

interface RedisServerState {
  /** Null where this user may not ask. */
  readonly runId: string | null;
  readonly isReplica: boolean;
  readonly isLoading: boolean;
  /** The policy, where it is one that removes keys. */
  readonly evicts: string | null;
}

async function serverOf(redis: Redis): Promise<RedisServerState> {
  let text: string;
  try {
    text = await redis.info();
  } catch (error) {
    if (!String(error).includes("NOPERM")) throw error;
    return { runId: null, isReplica: false, isLoading: false, evicts: null };
  }
  const lineOf = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(text)?.[1] ?? null;
  const policy = lineOf("maxmemory_policy");
  const hasLimit = (lineOf("maxmemory") ?? "0") !== "0";
  return {
    runId: lineOf("run_id"),
    isReplica: lineOf("role") === "slave",
    isLoading: lineOf("loading") === "1",
    evicts: hasLimit && policy !== "noeviction" ? policy : null,
  };
}
