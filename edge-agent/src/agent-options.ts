import type { AgentConfig, Pipeline } from "@millrace/config";
import type { LastEnd, Store } from "@millrace/queue";
import type { Clock, Logger, Metrics, Random } from "@millrace/runtime";
import type { Compression, UplinkTransport } from "@millrace/wire";
import type { CommandManner } from "./actions/command-publisher.ts";
import type { ConfigurationStatus } from "./reload/configuration-status.ts";
import type { ReloadReport } from "./reload/reload-report.ts";
import type { PushedPipeline } from "./reload/stored-pipeline.ts";
import type { SparkplugLink } from "./sparkplug/sparkplug-desk.ts";

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly pipeline: Pipeline;
  readonly store: Store;
  /** The store was damaged such that nothing tells what of its commits is gone. */
  readonly hasLostCommits: boolean;
  /** How the run that held the store before has ended; absent where no store tells. */
  readonly lastEnd?: LastEnd;
  /** Free bytes of the store's disk, as last measured; null or absent where nothing tells. */
  readonly freeBytes?: () => number | null;
  /** What tells of that is durable. */
  readonly lossBooked?: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly compression: Compression;
  readonly transport: UplinkTransport;
  /** Random name of this process: tells a reconnect from a second holder of the same store. */
  readonly instance: string;
  readonly program: string;
  /** Sensors that this machine lacks, with the reason: shown, never invented. */
  unavailableSensors(): Readonly<Record<string, string>>;
  /** The store takes no write ever again: the process should stop in order, end with failure and be started again. */
  readonly failedForGood?: () => void;
  /** Which configuration runs; absent where nothing can change it. */
  readonly configuration?: () => ConfigurationStatus;
  /** Takes a pipeline that central has pushed; absent where nothing can. */
  readonly pushPipeline?: (pushed: PushedPipeline) => Promise<ReloadReport>;
  /** The way to Sparkplug edge nodes; absent: births cannot be asked for. */
  readonly sparkplug?: SparkplugLink;
  /** Sends a command to the machines, QoS 1, never retained; resolves when a broker has it. */
  publish(topic: string, payload: string, how: CommandManner): Promise<void>;
}
