import { existsSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { centralTemplate, pipelineTemplate } from "@millrace/config";
import { MillraceError, prepareDataFolder, reasonOf } from "@millrace/runtime";
import type { Command } from "@millrace/runtime";
import { CONFIG_FLAG } from "./config-flag.ts";

export const INIT_COMMAND: Command = {
  summary: "write a commented central.yaml, and a pipeline.yaml beside it where there is none",
  flags: { config: CONFIG_FLAG },
  run({ flags, output }) {
    const path = resolve(flags.requiredText("config"));
    const pipelinePath = join(dirname(path), "pipeline.yaml");
    prepareDataFolder(dirname(path));
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
    throw new MillraceError("file_unwritable", { path, reason: reasonOf(error) }, { cause: error });
  }
}
