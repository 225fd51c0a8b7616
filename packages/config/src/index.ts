export * from "./agent-config.ts";
export * from "./central-config.ts";
export * from "./config-error.ts";
export * from "./load-agent-config.ts";
export * from "./load-central-config.ts";
export * from "./load-pipeline.ts";
export type * from "./load.ts";
export * from "./pipeline.ts";
export * from "./problem.ts";
