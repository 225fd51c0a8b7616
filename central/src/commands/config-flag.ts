import type { Flag } from "@millrace/runtime";

/** Every command finds central through its configuration. */
export const CONFIG_FLAG: Flag = {
  type: "text",
  placeholder: "FILE",
  short: "c",
  default: "central.yaml",
  summary: "central's configuration",
};

export const JSON_FLAG: Flag = { type: "switch", summary: "print JSON instead of a table" };
