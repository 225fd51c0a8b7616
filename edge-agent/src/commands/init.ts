import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { agentTemplate, pipelineTemplate } from "@millrace/config";
import { type Command, MillraceError, prepareDataFolder, reasonOf } from "@millrace/runtime";

/** `millrace-agent init`: writes a commented pair of files that `check` accepts. */
export const initCommand: Command = {
  summary: "write a commented agent.yaml, and a pipeline.yaml beside it where there is none",
  flags: { folder: { type: "text", placeholder: "FOLDER", default: ".", summary: "where to write them" } },
  run({ flags, output }) {
    const folder = flags.requiredText("folder");
    prepareDataFolder(folder, "--folder");
    for (const [name, text] of [
      ["agent.yaml", agentTemplate()],
      ["pipeline.yaml", pipelineTemplate()],
    ] as const) {
      const path = join(folder, name);
      if (name === "pipeline.yaml" && existsSync(path)) continue;
      try {
        writeFileSync(path, text, { flag: "wx" });
      } catch (error) {
        throw new MillraceError(
          "file_unwritable",
          { path, reason: isThere(error) ? "it exists already" : reasonOf(error) },
          { cause: error },
        );
      }
      output.out(`wrote ${path}\n`);
    }
  },
};

function isThere(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EEXIST";
}
