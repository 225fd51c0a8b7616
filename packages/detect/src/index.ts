export * from "./action-loop.ts";
export * from "./alarm-event.ts";
export * from "./alarm-life-cycle.ts";
export * from "./limit-detector.ts";
export * from "./outcome.ts";
export * from "./rule-engine.ts";
export * from "./rule-spec.ts";
export * from "./topic-template.ts";
