export * from "./central.ts";
export * from "./central-service.ts";
export * from "./central-version.ts";
export * from "./api/assets.ts";
export * from "./api/central-reader.ts";
export * from "./core/agent-view.ts";
export * from "./core/alarm-view.ts";
export { CENTRAL_STORE_FORMAT } from "./core/central-state.ts";
export type { LedgerTotals } from "./core/central-ledger.ts";
