export * from "./central.ts";
export * from "./central-service.ts";
export * from "./central-version.ts";
export * from "./api/assets.ts";
export * from "./api/central-reader.ts";
export * from "./agents/agent-view.ts";
export * from "./alarms/alarm-view.ts";
export { CENTRAL_STORE_FORMAT } from "./state/central-state.ts";
export type { LedgerTotals } from "./ledger/central-ledger.ts";
