import type { AgentConfig } from "./agent-config.ts";
import type { CentralConfig } from "./central-config.ts";
import type { Pipeline } from "./pipeline.ts";

export interface LoadOptions {
  /** Default: the real file, UTF-8. Throws what `fs.readFileSync` throws. */
  readonly readFile?: (path: string) => string;
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Loaded<Config> {
  readonly config: Config;
  /** `file:line:column: what; what to do`, in order of the file. */
  readonly warnings: readonly string[];
}

export type LoadAgentConfig = (path: string, options?: LoadOptions) => Loaded<AgentConfig>;
export type LoadCentralConfig = (path: string, options?: LoadOptions) => Loaded<CentralConfig>;
export type LoadPipeline = (path: string, options?: LoadOptions) => Loaded<Pipeline>;
