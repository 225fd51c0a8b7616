import { z } from "zod";
import type { ConfigFile } from "./config-files.ts";

/** The file's JSON Schema, for editors; what `packages/config/schema/` holds. */
export function jsonSchemaText(file: ConfigFile): string {
  // Draft 7 is what YAML editors read best.
  const schema = z.toJSONSchema(file.schema, { io: "input", target: "draft-7" });
  return `${JSON.stringify({ ...schema, title: `Millrace ${file.name}.yaml`, description: file.purpose }, null, 2)}\n`;
}
