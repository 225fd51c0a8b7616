export * from "./agent-config.ts";
export * from "./central-config.ts";
export * from "./pipeline.ts";
export type * from "./load.ts";
