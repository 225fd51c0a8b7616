import { readFileSync } from "node:fs";
import { loadAgentPipeline, type Loaded, type Pipeline } from "@millrace/config";

/** The pipeline file as it is now, or why it cannot be used. */
export type FilePipeline =
  | { readonly text: string; readonly loaded: Loaded<Pipeline> }
  | { readonly text: string | null; readonly error: unknown };

export function readFilePipeline(path: string): FilePipeline {
  let text: string | null = null;
  const readFile = (name: string) => (text = readFileSync(name, "utf8"));
  try {
    const loaded = loadAgentPipeline(path, { readFile });
    return { text: text ?? "", loaded };
  } catch (error) {
    return { text, error };
  }
}
