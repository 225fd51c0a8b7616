import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { centralTemplate, pipelineTemplate } from "@millrace/config";
import { MillraceError, prepareDataFolder, reasonOf } from "@millrace/runtime";
import type { Command } from "@millrace/runtime";

export const INIT_COMMAND: Command = {
  summary: "write a commented central.yaml, and a pipeline.yaml beside it where there is none",
  flags: { folder: { type: "text", placeholder: "FOLDER", default: ".", summary: "where to write them" } },
  run({ flags, output }) {
    const folder = flags.requiredText("folder");
    const path = join(folder, "central.yaml");
    const pipelinePath = join(folder, "pipeline.yaml");
    prepareDataFolder(folder, "--folder");
    write(path, centralTemplate());
    output.out(`wrote ${path}\n`);
    if (existsSync(pipelinePath)) return;
    write(pipelinePath, pipelineTemplate());
    output.out(`wrote ${pipelinePath}\n`);
  },
};

/** Never over a file that is there. */
function write(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: "wx", mode: 0o600 });
  } catch (error) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
    const reason = isThere ? "it exists already" : reasonOf(error);
    throw new MillraceError("file_unwritable", { path, reason }, { cause: error });
  }
}
