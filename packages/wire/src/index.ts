export * from "./alarm-event.ts";
export * from "./link.ts";
export * from "./messages.ts";
export * from "./pane-batch.ts";
export * from "./sealed-batch.ts";
