import type { Flag } from "@millrace/runtime";

/** The flag that every command of the agent takes. */
export const CONFIG_FLAG: Flag = {
  type: "text",
  placeholder: "FILE",
  short: "c",
  default: "agent.yaml",
  summary: "the agent's configuration",
};
