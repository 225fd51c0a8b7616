import type { z } from "zod";
import { agentSchema } from "./agent-schema.ts";
import { centralSchema } from "./central-schema.ts";
import { pipelineSchema } from "./pipeline-schema.ts";

export interface ConfigFile {
  /** File name without `.yaml`. */
  readonly name: string;
  readonly purpose: string;
  readonly schema: z.ZodType;
}

/** Every kind of configuration file, for what is generated from their schemas. */
export const CONFIG_FILES: readonly ConfigFile[] = [
  {
    name: "agent",
    purpose: "Who and where one agent is: identity, store, inputs, uplink.",
    schema: agentSchema(),
  },
  {
    name: "pipeline",
    purpose: "What is measured, aggregated and watched; the same file for every agent and for central.",
    schema: pipelineSchema(),
  },
  {
    name: "central",
    purpose: "Who and where central is: store, intake, agents, dashboard.",
    schema: centralSchema,
  },
];
