export * from "./clock.ts";
export * from "./error-table.ts";
export * from "./error.ts";
export * from "./log.ts";
export * from "./metric-table.ts";
export * from "./metrics.ts";
export * from "./random.ts";
