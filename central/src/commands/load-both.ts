import {
  ConfigError,
  lateWarnings,
  loadCentralConfig,
  loadPipeline,
  recordProblems,
  sinkProblems,
  sinkWarnings,
} from "@millrace/config";
import type { CentralConfig, Loaded, Pipeline } from "@millrace/config";
import { MillraceError } from "@millrace/runtime";

/** central.yaml and its pipeline, each right in itself and together. Throws `config_unreadable` or `config_invalid`. */
export function loadBoth(
  configPath: string,
): Loaded<CentralConfig> & { readonly pipeline: Loaded<Pipeline> } {
  const central = loadCentralConfig(configPath);
  const pipeline = loadPipelineOf(central, configPath);
  const problems = sinkProblems(central, pipeline.config);
  if (problems.length > 0) throw new ConfigError(configPath, problems);
  const records = recordProblems(central, pipeline);
  if (records.problems.length > 0) throw new ConfigError(central.config.pipelinePath, records.problems);
  const warnings = [
    ...central.warnings,
    ...sinkWarnings(central, pipeline.config),
    ...records.warnings,
    ...lateWarnings(central, pipeline),
  ];
  return { ...central, warnings, pipeline };
}

/** That it cannot be read is a mistake in central.yaml. */
function loadPipelineOf(
  { config: { pipelinePath }, problemAt }: Loaded<CentralConfig>,
  configPath: string,
): Loaded<Pipeline> {
  try {
    return loadPipeline(pipelinePath);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "config_unreadable") throw error;
    const message = `${error.message}; it is the pipeline of this file, whose folder relative paths begin at`;
    throw new ConfigError(configPath, [problemAt(["pipeline"], message)]);
  }
}
