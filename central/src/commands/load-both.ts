import { ConfigError, loadCentralConfig, loadPipeline, recordProblems, sinkProblems } from "@millrace/config";
import type { CentralConfig, Loaded, Pipeline } from "@millrace/config";

/** central.yaml and its pipeline, each right in itself and together. Throws `config_unreadable` or `config_invalid`. */
export function loadBoth(
  configPath: string,
): Loaded<CentralConfig> & { readonly pipeline: Loaded<Pipeline> } {
  const central = loadCentralConfig(configPath);
  const pipeline = loadPipeline(central.config.pipelinePath);
  const problems = sinkProblems(central, pipeline.config);
  if (problems.length > 0) throw new ConfigError(configPath, problems);
  const records = recordProblems(central, pipeline);
  if (records.problems.length > 0) throw new ConfigError(central.config.pipelinePath, records.problems);
  return { ...central, warnings: [...central.warnings, ...records.warnings], pipeline };
}
