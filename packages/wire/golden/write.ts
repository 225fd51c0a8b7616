// Writes the golden files that do not exist yet: `node packages/wire/golden/write.ts`. Those that do are never touched.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesOf, V1_BATCHES } from "./cases.ts";

for (const file of Object.keys(V1_BATCHES)) {
  const path = join(import.meta.dirname, file);
  if (!existsSync(path)) writeFileSync(path, bytesOf(file));
}
