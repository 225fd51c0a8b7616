import type { PipelineVersion } from "./pipeline-version.ts";
import type { RefusedPipeline } from "./stored-pipeline.ts";

/** Which configuration runs. */
export interface ConfigurationStatus extends PipelineVersion {
  /** Agent's clock, ms: of the start, or of the change. */
  readonly sinceMs: number;
  /** For how long, by monotonic time. */
  readonly forMs: number;
  /** It was pushed, and has not run long enough to be trusted over a crash. */
  readonly isOnTrial: boolean;
  /** The disk has it: a restart begins with it. */
  readonly isDurable: boolean;
  /** The last one that was not taken; null once another was. */
  readonly refused: RefusedPipeline | null;
  /** How long ago, by monotonic time; null where an earlier run refused it, or none is. */
  readonly refusedAgoMs: number | null;
}
