import { copyFile, mkdir, readdir, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE_FOLDER = fileURLToPath(new URL("../dashboard/", import.meta.url));
const OUTPUT_NAMES = ["index.html", "main.js", "page.css"] as const;

/**
 * Bundles the live page into `outFolder` (default: `dashboard/dist`), unless what is there is newer than every source.
 * The files are the whole page: nothing is loaded from elsewhere.
 * @returns absolute paths of the page's files
 */
export async function buildDashboard(
  options: { readonly outFolder?: string } = {},
): Promise<{ files: string[] }> {
  const outFolder = options.outFolder ?? path.join(SOURCE_FOLDER, "dist");
  const files = OUTPUT_NAMES.map((name) => path.join(outFolder, name));
  const sources = await sourceFiles();
  if ((await oldestMs(files)) > (await newestMs([...sources, fileURLToPath(import.meta.url)])))
    return { files };

  // Only a checkout builds; a packaged program carries the files and has no bundler.
  const { build } = await import("esbuild");
  await mkdir(outFolder, { recursive: true });
  await build({
    entryPoints: [path.join(SOURCE_FOLDER, "main.tsx"), path.join(SOURCE_FOLDER, "page.css")],
    outdir: outFolder,
    bundle: true,
    minify: true,
    charset: "utf8",
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    logLevel: "warning",
  });
  // Last: its time says that the build came to its end.
  await copyFile(path.join(SOURCE_FOLDER, "index.html"), path.join(outFolder, "index.html"));
  return { files };
}

async function sourceFiles(): Promise<string[]> {
  const entries = await readdir(SOURCE_FOLDER, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !path.relative(SOURCE_FOLDER, file).startsWith(`dist${path.sep}`));
}

async function newestMs(files: readonly string[]): Promise<number> {
  return Math.max(...(await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs))));
}

/** -Infinity when one of them is missing. */
async function oldestMs(files: readonly string[]): Promise<number> {
  try {
    return Math.min(...(await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs))));
  } catch {
    return -Infinity;
  }
}
