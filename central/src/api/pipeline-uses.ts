import type { AgentView } from "../agents/agent-view.ts";

/** One version of the pipeline file, and the agents that run it. */
export interface PipelineUse {
  /** "" for agents that have told none. */
  readonly version: string;
  readonly agents: readonly {
    readonly agent: string;
    readonly site: string;
    /** Where the agent has it from: `file` or `central`; "" where it has told none. */
    readonly source: string;
    /** The version, or file, that it did not take; "" where there is none. */
    readonly refused: string;
  }[];
}

/** What the expected agents run, the most used version first. */
export function pipelineUses(agents: readonly AgentView[]): PipelineUse[] {
  const expected = agents.filter(({ state }) => state !== "retired");
  return [...Map.groupBy(expected, ({ status }) => textOf(status["pipelineVersion"]))]
    .map(([version, users]) => ({
      version,
      agents: users.map(({ agent, site, status }) => ({
        agent,
        site,
        source: textOf(status["pipelineSource"]),
        refused: textOf(status["pipelineRefused"]),
      })),
    }))
    .sort((a, b) => b.agents.length - a.agents.length);
}

function textOf(value: number | string | boolean | undefined): string {
  return typeof value === "string" ? value : "";
}
