import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { getAsset } from "node:sea";

/** One file of the dashboard. */
export interface Asset {
  readonly body: Buffer;
  readonly contentType: string;
  /** Its name holds a hash of its content: it never changes. */
  readonly isImmutable: boolean;
}

/** Where the dashboard's files come from: a folder in a checkout, the executable itself in the single binary. */
export interface Assets {
  /** `path` without a leading slash; undefined where there is no such file. */
  get(path: string): Asset | undefined;
}

/** No more than this is read into memory. */
const FILES_MAX = 500;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
  ".txt": "text/plain; charset=utf-8",
};

export function asset(path: string, body: Buffer): Asset {
  const contentType = CONTENT_TYPES[extname(path)] ?? "application/octet-stream";
  return {
    body,
    contentType,
    isImmutable: /[-.][A-Za-z0-9_]{8,}\.\w+$/.test(path) && !path.endsWith(".html"),
  };
}

/** The files of a folder, read once; none where the folder does not exist (the dashboard is not built). */
export function folderAssets(folder: string): Assets {
  const files = new Map<string, Asset>();
  const names = statSync(folder, { throwIfNoEntry: false })?.isDirectory()
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
    : [];
  for (const entry of names.slice(0, FILES_MAX)) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path).replaceAll(sep, "/");
    files.set(name, asset(name, readFileSync(path)));
  }
  return { get: (path) => files.get(path) };
}

/** The files that the single binary carries, under `dashboard/`; each is read once. */
export function embeddedAssets(): Assets {
  const files = new Map<string, Asset>();
  return {
    get(path) {
      try {
        const file = files.get(path) ?? asset(path, Buffer.from(getAsset(`dashboard/${path}`)));
        files.set(path, file);
        return file;
      } catch {
        return undefined;
      }
    },
  };
}
