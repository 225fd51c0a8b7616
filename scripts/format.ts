// npm run format: the layout of every file, and the lint findings that have one obvious repair.
import { spawnSync } from "node:child_process";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");
const bin = path.join(root, "node_modules", ".bin");
// Arguments are files; without any, the whole repository.
const files = process.argv.slice(2);

const lint = spawnSync(path.join(bin, "oxlint"), ["--type-aware", "--fix", ...files], {
  cwd: root,
  stdio: "ignore",
});
const layout = spawnSync(path.join(bin, "oxfmt"), files.length > 0 ? files : ["."], {
  cwd: root,
  stdio: "inherit",
});
process.exitCode = layout.status ?? 1;
if (lint.status !== 0) process.stdout.write('some lint findings need a person: "npm run check" lists them\n');
